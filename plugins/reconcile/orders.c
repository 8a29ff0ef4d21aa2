/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orders - the stage that goes over the orders, a page a message: the rows first,
 * then what the Order Service says of each, all asked together.
 */
#include "gather.h"
#include "pass.h"

#include <gantry/member.h>

#define ORDERS_PAGE 20		/* the most that a message may ask for in one go */

/* A page: rows, ids, and the answers for each. */
struct orders {
	size_t n;
	const json_t *rows[ORDERS_PAGE];	/* NULL: there is none */
	const char *ids[ORDERS_PAGE];
	const struct gantry_answer *order[ORDERS_PAGE], *items[ORDERS_PAGE];
};

static const struct gantry_answer *orders_ask(struct pass *pass, const char *id,
					      const char *what,
					      struct gantry_error *err)
{
	struct gantry_message *m = pass->m;

	return gantry_call(m, &GANTRY_REQUEST(
		.upstream = pass->r->order_service, .want_json = true,
		.path = gantry_format(m, "/orders/%s%s", gantry_escape(m, id), what)), err);
}

/*
 * One that has no answer is passed over: an order that the Order Service stumbles
 * over must not hold up all others. If more than half have none, it is away.
 */
static int orders_fetch(struct pass *pass, struct orders *o, struct gantry_error *err)
{
	size_t first = 0, failed = 0;

	for (size_t i = 0; i < o->n; i++)
		o->order[i] = orders_ask(pass, o->ids[i], "", NULL);
	if (gantry_asking(pass->m))
		return -1;
	for (size_t i = 0; i < o->n; i++)
		if (gather_wants_items(o->order[i]))
			o->items[i] = orders_ask(pass, o->ids[i], "/items", NULL);
	if (gantry_asking(pass->m))
		return -1;
	for (size_t i = o->n; i-- > 0;) {
		if (o->order[i] != NULL)
			continue;
		first = i;
		failed++;
	}
	if (failed <= o->n / 2)
		return 0;
	orders_ask(pass, o->ids[first], "", err);	/* why not */
	return -1;
}

static void orders_judge(struct pass *pass, const struct orders *o)
{
	const struct compare_options options = {
		.now_ms = gantry_now_ms(pass->m), .grace_ms = pass->r->grace,
	};
	struct compare_service service;
	struct compare_held held;

	for (size_t i = 0; i < o->n; i++) {
		pass->looked++;
		if (!gather_service(pass->m, o->order[i], o->items[i], &service)) {
			pass->skipped++;
			continue;
		}
		pass->known += service.status != COMPARE_UNKNOWN;
		gather_held(pass->m, o->ids[i], o->rows[i], &held);
		if (!compare_order(&service, &held, &options, pass_found, pass))
			pass->spared++;
	}
}

/* Those that came since the pass began are the next one's: it must end. */
static bool orders_is_new(const struct pass *pass, const json_t *row)
{
	const json_t *at = json_object_get(row, "createdAt");
	int64_t ms = 0;

	return row != NULL && gantry_parse_time(json_string_value(at),
						json_string_length(at), &ms) &&
	       ms > pass->started_ms;
}

int orders_step(struct pass *pass, struct gantry_error *err)
{
	const struct gantry_page *page = gantry_find(pass->m, &GANTRY_QUERY(
		.name = "held-by-orders", .after = pass->after, .limit = pass->r->page), err);
	struct orders o = { 0 };

	if (page == NULL)
		return -1;
	for (; o.n < json_array_size(page->rows) && o.n < ORDERS_PAGE; o.n++) {
		o.rows[o.n] = json_array_get(page->rows, o.n);
		o.ids[o.n] = json_string_value(json_object_get(o.rows[o.n], "id"));
	}
	if (orders_fetch(pass, &o, err) < 0)
		return -1;
	orders_judge(pass, &o);
	pass->after = page->after;
	if (page->after == NULL || orders_is_new(pass, o.rows[o.n - 1]))
		pass_enter(pass, "counters");
	return 0;
}

/* Those that have a row are of the stage itself. */
int orders_given(struct pass *pass, const json_t *ids, struct gantry_error *err)
{
	const struct gantry_page *pages[ORDERS_PAGE];
	size_t n = json_array_size(ids);
	struct orders o = { 0 };

	for (size_t i = 0; i < n && i < ORDERS_PAGE; i++)
		pages[i] = gantry_find(pass->m, &GANTRY_QUERY(
			.name = "order", .limit = 1,
			.key = json_string_value(json_array_get(ids, i))), err);
	if (gantry_asking(pass->m))
		return -1;
	for (size_t i = 0; i < n && i < ORDERS_PAGE; i++) {
		if (pages[i] == NULL)
			return -1;
		if (json_array_size(pages[i]->rows) == 0)
			o.ids[o.n++] = json_string_value(json_array_get(ids, i));
	}
	if (orders_fetch(pass, &o, err) < 0)
		return -1;
	orders_judge(pass, &o);
	return 0;
}
