/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters - the stage that compares what is reserved of each item with the sum
 * of what is held of it. All allocations are summed for a window of items, page by
 * page; the sum counts only for items whose counters are then as they were before:
 * all that is held or given back moves them. The others are summed again.
 *
 * The state: {"items": {"inv_1": [version, available, reserved, sum]}, "from": the
 * place of the window, "next": of the one behind it, "scan": the place among the
 * allocations, "check": it is to be compared, "round": how often it was summed}.
 */
#include "pass.h"

#define COUNTERS_WINDOW 500
#define COUNTERS_PAGE 1000
#define COUNTERS_PAGES 8	/* each is a run of its own, of 16 */
#define COUNTERS_ROUNDS 4

struct counter {
	const char *id;
	int64_t version, available, reserved, sum;
};

struct counters {
	struct pass *pass;
	const char *from, *next, *scan;
	bool check;
	int64_t round;
	struct counter items[COUNTERS_WINDOW];
	size_t n;
};

static int64_t counters_at(const json_t *list, size_t i)
{
	return json_integer_value(json_array_get(list, i));
}

static void counters_read(struct counters *c, const json_t *state)
{
	const json_t *items = json_object_get(state, "items"), *value;
	const char *id;

	c->from = json_string_value(json_object_get(state, "from"));
	c->next = json_string_value(json_object_get(state, "next"));
	c->scan = json_string_value(json_object_get(state, "scan"));
	c->check = json_is_true(json_object_get(state, "check"));
	c->round = json_integer_value(json_object_get(state, "round"));
	json_object_foreach((json_t *)items, id, value) {
		if (c->n == COUNTERS_WINDOW)
			break;
		c->items[c->n++] = (struct counter){
			id, counters_at(value, 0), counters_at(value, 1),
			counters_at(value, 2), counters_at(value, 3) };
	}
}

static void counters_keep_text(struct gantry_writer *w, const char *name,
			       const char *text)
{
	if (text != NULL)
		gantry_write_text(w, name, text);
}

static void counters_keep(struct counters *c)
{
	struct gantry_writer *w = gantry_writer(c->pass->m);

	gantry_write_object(w, NULL);
	counters_keep_text(w, "from", c->from);
	counters_keep_text(w, "next", c->next);
	counters_keep_text(w, "scan", c->scan);
	gantry_write_bool(w, "check", c->check);
	gantry_write_int(w, "round", c->round);
	gantry_write_object(w, "items");
	for (size_t i = 0; i < c->n; i++) {
		gantry_write_array(w, c->items[i].id);
		gantry_write_int(w, NULL, c->items[i].version);
		gantry_write_int(w, NULL, c->items[i].available);
		gantry_write_int(w, NULL, c->items[i].reserved);
		gantry_write_int(w, NULL, c->items[i].sum);
		gantry_write_end(w);
	}
	gantry_write_end(w);
	gantry_write_end(w);
	c->pass->next_state = gantry_written(w, &c->pass->next_len);
}

static struct counter counters_of(const json_t *row)
{
	return (struct counter){
		.id = json_string_value(json_object_get(row, "id")),
		.version = json_integer_value(json_object_get(row, "version")),
		.available = json_integer_value(json_object_get(row, "availableQuantity")),
		.reserved = json_integer_value(json_object_get(row, "reservedQuantity")),
	};
}

static const struct gantry_page *counters_items(struct counters *c,
						struct gantry_error *err)
{
	return gantry_find(c->pass->m, &GANTRY_QUERY(
		.name = "items", .after = c->from, .limit = COUNTERS_WINDOW), err);
}

/* The items of a new window. */
static int counters_open(struct counters *c, struct gantry_error *err)
{
	const struct gantry_page *page = counters_items(c, err);

	if (page == NULL)
		return -1;
	for (size_t i = 0; i < json_array_size(page->rows); i++)
		c->items[c->n++] = counters_of(json_array_get(page->rows, i));
	c->next = page->after;
	c->round = 1;
	return 0;
}

/* Rows as an object by id, so that a page is added in one go over each. */
static void counters_add(struct counters *c, const json_t *rows)
{
	json_t *sums = json_object();
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		json_object_set(sums, json_string_value(
			json_object_get(row, "inventoryItemId")),
			json_object_get(row, "quantity"));
	for (i = 0; i < c->n; i++)
		c->items[i].sum += json_integer_value(json_object_get(sums, c->items[i].id));
	json_decref(sums);
}

/* Some pages of the allocations; then they are through, or go on next time. */
static int counters_sum(struct counters *c, struct gantry_error *err)
{
	for (int i = 0; i < COUNTERS_PAGES; i++) {
		const struct gantry_page *page = gantry_find(c->pass->m, &GANTRY_QUERY(
			.name = "held-by-items", .after = c->scan,
			.limit = COUNTERS_PAGE), err);

		if (page == NULL)
			return -1;
		counters_add(c, page->rows);
		c->scan = page->after;
		if (c->scan == NULL) {
			c->check = true;
			break;
		}
	}
	return 0;
}

static void counters_judge(struct counters *c, const struct counter *item)
{
	const struct compare_item is = { .id = item->id, .available = item->available,
					 .reserved = item->reserved,
					 .version = item->version, .sum = item->sum };

	compare_item(&is, pass_found, c->pass);
}

/* What has not moved is judged; what has is what remains of the window. */
static void counters_compare(struct counters *c, const json_t *rows)
{
	json_t *now = json_object();
	const json_t *row;
	size_t i, moved = 0;

	json_array_foreach(rows, i, row)
		json_object_set(now, json_string_value(json_object_get(row, "id")),
				(json_t *)row);
	for (i = 0; i < c->n; i++) {
		const json_t *is = json_object_get(now, c->items[i].id);

		if (is == NULL)
			continue;
		if (counters_of(is).version == c->items[i].version)
			counters_judge(c, &c->items[i]);
		else
			c->items[moved++] = counters_of(is);
	}
	c->n = moved;
	json_decref(now);
}

static int counters_close(struct counters *c, struct gantry_error *err)
{
	const struct gantry_page *page = counters_items(c, err);

	if (page == NULL)
		return -1;
	counters_compare(c, page->rows);
	c->check = false;
	c->scan = NULL;
	if (c->n > 0 && c->round++ < COUNTERS_ROUNDS)
		return 0;
	c->pass->skipped += (int64_t)c->n;
	c->n = 0;
	c->from = c->next;
	c->next = NULL;
	c->round = 0;
	return 0;
}

int counters_step(struct pass *pass, struct gantry_error *err)
{
	struct counters *c = gantry_alloc(pass->m, sizeof(*c));
	int result;

	c->pass = pass;
	if (reconcile_mode(pass->r, DRIFT_COUNTERS) == DRIFT_OFF) {
		pass_enter(pass, "events");
		return 0;
	}
	counters_read(c, pass->state);
	if (c->check) {
		result = counters_close(c, err);
		if (result == 0 && c->n == 0 && c->from == NULL) {
			pass_enter(pass, "events");
			return 0;
		}
	} else {
		result = c->round == 0 ? counters_open(c, err) : 0;
		if (result == 0)
			result = counters_sum(c, err);
	}
	if (result == 0)
		counters_keep(c);
	return result;
}
