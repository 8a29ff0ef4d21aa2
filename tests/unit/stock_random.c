/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stock_random - long random histories against stock_model: rows, answers,
 * events and their order.
 *
 * A unit has up to four messages of up to three commands, and some messages
 * are undone. GANTRY_SEED=n plays one history alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/stock/verify.h"
#include "tests/unit/stock_model.h"
#include "tests/unit/stock_world.h"

#define SEEDS 16
#define UNITS 400

/* Choices. */

/* What would rarely come up by chance: fulfil what is confirmed, take back
   what is expected, and let orders live a while. */
static void choose_better(const struct model *m, struct choice *c)
{
	if (c->kind == GANTRY_ORDER_CANCEL && rand() % 4)
		c->kind = GANTRY_RETURN_RECEIVE;
	for (int i = 0; i < 8 && c->kind == GANTRY_FULFILL && c->alloc < m->n_allocs &&
	     m->allocs[c->alloc].status != 'C'; i++)
		c->alloc = rand() % m->n_allocs;
	if (c->kind == GANTRY_RETURN_EXPECT && m->n_allocs > 0 && rand() % 4) {
		const struct m_alloc *a = &m->allocs[rand() % m->n_allocs];

		for (int i = 0; i < 8 && a->status != 'F'; i++)
			a = &m->allocs[rand() % m->n_allocs];
		c->order = a->order;
		c->line = a->line;
		c->ret = c->order * 3 + rand() % 3;
	}
	if (c->kind == GANTRY_RETURN_RECEIVE && m->n_returns > 0 && rand() % 4) {
		const struct m_return *r = &m->returns[rand() % m->n_returns];

		c->ret = r->id;
		c->line = r->line;
	}
}

static struct choice choose(const struct model *m, int step)
{
	static const enum gantry_command_kind kinds[] = {
		GANTRY_ALLOCATE, GANTRY_ALLOCATE, GANTRY_ALLOCATE, GANTRY_ALLOCATE,
		GANTRY_ALLOCATE, GANTRY_CONFIRM, GANTRY_CONFIRM, GANTRY_CANCEL,
		GANTRY_FULFILL, GANTRY_FULFILL, GANTRY_EXPIRE, GANTRY_EXPIRE,
		GANTRY_ORDER_OPEN, GANTRY_ORDER_CONFIRM, GANTRY_ORDER_CONFIRM,
		GANTRY_ORDER_CANCEL, GANTRY_ITEM_ADJUST, GANTRY_ITEM_ADJUST,
		GANTRY_RETURN_EXPECT, GANTRY_RETURN_EXPECT, GANTRY_RETURN_RECEIVE,
	};
	int base = step * (ORDERS - 5) / UNITS;
	struct choice c = {
		.kind = kinds[rand() % (int)ARRAY_LENGTH(kinds)],
		.order = base + rand() % 5, .line = rand() % 3,
		.item = rand() % 12 == 0 ? ITEMS - 1 : rand() % (ITEMS - 1),
		.quantity = 1 + rand() % 6,
		.expires = rand() % 2 ? 0 : m->now + rand() % 3000,
		.by_event = rand() % 2, .far = rand() % 20 == 0,
		.alloc = m->n_allocs == 0 ? 0 : rand() % (m->n_allocs + 1),
	};

	if (m->n_allocs > 12 && rand() % 4)
		c.alloc = m->n_allocs - 12 + rand() % 12;
	c.version = rand() % 8 == 0 ? 1 + rand() % 2 : 0;
	c.replaces = c.kind == GANTRY_ALLOCATE && c.alloc < m->n_allocs && rand() % 3 == 0;
	if (c.replaces && rand() % 4) {
		c.order = m->allocs[c.alloc].order;
		c.line = m->allocs[c.alloc].line;
		c.item = m->allocs[c.alloc].item;
	}
	/* returns of an order have ids of their own */
	c.ret = c.order * 3 + rand() % 3;
	choose_better(m, &c);
	if (c.kind == GANTRY_ITEM_ADJUST)
		c.quantity = rand() % 16 - 5;
	if (c.kind == GANTRY_RETURN_EXPECT || c.kind == GANTRY_RETURN_RECEIVE) {
		c.quantity = rand() % 2 ? 0 : c.quantity;
		c.line = c.quantity == 0 && rand() % 2 ? -1 : c.line;
	}
	return c;
}

/* Texts live in the arena that is given. */
static struct gantry_command command_of(const struct model *m, struct arena *a,
					const struct choice *c)
{
	bool adjust = c->kind == GANTRY_ITEM_ADJUST;

	return GANTRY_COMMAND(
		.kind = c->kind, .order_id = arena_format(a, "o%d", c->order),
		.order_item_id = c->line < 0 ? NULL : arena_format(a, "l%d", c->line),
		.item_id = arena_format(a, "inv%d", c->item),
		.allocation_id = c->kind == GANTRY_ALLOCATE && !c->replaces ? NULL :
			c->alloc < m->n_allocs ?
			arena_format(a, "alloc_%d", m->allocs[c->alloc].id) : "nix",
		.return_id = arena_format(a, "ret%d", c->ret),
		.warehouse_id = c->far ? "far" : c->by_event ? "wh" : NULL,
		.quantity = c->quantity, .expires_at_ms = c->expires,
		.if_version = c->replaces || (c->kind >= GANTRY_CONFIRM &&
					      c->kind <= GANTRY_EXPIRE) ?
			c->version : 0,
		.by_event = c->by_event, .reason = adjust ? "count" : NULL);
}

/* All rows that are not void, as bytes that can be compared. */
static char *picture(const struct rowset *set, size_t *len_out)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	for (unsigned t = 0; t < STOCK_TABLES; t++)
		for (struct row *row = rowset_rows(set, t); row; row = row->next) {
			if (row->state == ROW_VOID)
				continue;
			fprintf(f, "%u %d %llx", t, (int)row->state,
				(unsigned long long)row->mask);
			for (unsigned i = 0; i < stock_tables[t]->n_columns; i++) {
				const struct gantry_value *v = &row->values[i];

				if (v->kind == GANTRY_STRING)
					fprintf(f, " \"%s\"", v->is.text);
				else if (v->kind == GANTRY_INT64)
					fprintf(f, " %lld", (long long)v->is.number);
				else
					fputs(" -", f);
			}
			fputc('\n', f);
		}
	fclose(f);
	*len_out = size;
	return text;
}

static void check_number(const struct gantry_value *row, unsigned column,
			 int64_t want, const char *what)
{
	if (row[column].kind != GANTRY_INT64 || row[column].is.number != want)
		fail_msg("%s is %lld, not %lld", what,
			 (long long)row[column].is.number, (long long)want);
}

static void check_rows(struct world *w, const struct model *m)
{
	char id[32];
	int orders = 0;

	for (int i = 0; i < ITEMS - 1; i++) {
		const struct gantry_value *row = w->tables[STOCK_STOCK].rows[i];

		check_number(row, STOCK_AVAILABLE, m->items[i].on_hand, "available");
		check_number(row, STOCK_RESERVED, m->items[i].held, "reserved");
	}
	for (int i = 0; i < ORDERS; i++) {
		const struct gantry_value *row;

		snprintf(id, sizeof(id), "o%d", i);
		row = world_row(w, STOCK_ORDERS, id);
		assert_int_equal(row != NULL, m->orders[i].state != 0);
		orders += row != NULL;
		if (row == NULL)
			continue;
		check_number(row, ORDERS_LIVE, m->orders[i].live, "live");
		assert_int_equal(row[ORDERS_STATE].is.text[1],
				 m->orders[i].state == 'O' ? 'P' :
				 m->orders[i].state == 'C' ? 'O' : 'A');
	}
	assert_int_equal(w->tables[STOCK_ORDERS].n, orders);
	assert_int_equal(w->tables[STOCK_ALLOCATIONS].n, m->n_allocs);
	assert_int_equal(w->tables[STOCK_RETURNS].n, m->n_returns);
}

static void check_allocations(struct world *w, const struct model *m, int from)
{
	char id[32];

	for (int i = from; i < m->n_allocs; i++) {
		const struct m_alloc *a = &m->allocs[i];
		const struct gantry_value *row;
		bool due = a->status == 'P' && a->expires != 0;

		snprintf(id, sizeof(id), "alloc_%d", a->id);
		row = world_row(w, STOCK_ALLOCATIONS, id);
		assert_non_null(row);
		assert_memory_equal(row[ALLOCATIONS_STATUS].is.text,
				    model_status(a->status), strlen(model_status(a->status)));
		check_number(row, ALLOCATIONS_VERSION, a->version, id);
		check_number(row, ALLOCATIONS_QUANTITY, a->quantity, id);
		assert_int_equal(row[ALLOCATIONS_DUE_AT].kind != GANTRY_NULL, due);
		assert_int_equal(row[ALLOCATIONS_LIVE].kind != GANTRY_NULL,
				 a->status != 'X');
		assert_int_equal(row[ALLOCATIONS_REASON].kind != GANTRY_NULL,
				 a->status == 'X' && a->by_time);
	}
}

static void found(void *ctx, const char *invariant, const char *row, const char *what)
{
	(void)ctx;
	fail_msg("%s %s: %s", invariant, row, what);
}

static void check_verify(struct world *w)
{
	struct query_store store = { &world_storage, w, &world_schema };
	struct gantry_error err = ERROR_INIT;

	assert_int_equal(stock_verify(&store, found, NULL, &err), 0);
}

static void count(struct tally *t, enum gantry_command_kind kind,
		  const struct gantry_outcome *outcome)
{
	int i = 0;

	t->commands++;
	t->applied[kind] += outcome->result == GANTRY_APPLIED;
	t->stood[kind] += outcome->result == GANTRY_STOOD;
	if (outcome->code == NULL)
		return;
	while (i < t->n_codes && strcmp(t->codes[i], outcome->code) != 0)
		i++;
	assert_true(i < CODES);
	if (i == t->n_codes)
		snprintf(t->codes[t->n_codes++], sizeof(t->codes[0]), "%s",
			 outcome->code);
}

/* One message: its commands both ways, and taken back or not. */
static void play_message(struct world *w, struct model *m,
			 const struct choice *choices,
			 const struct gantry_command *commands, int n)
{
	static struct model before;
	char *was, *is;
	size_t was_len, is_len;

	before = *m;
	m->message++;
	rowset_mark(&w->rows);
	was = picture(&w->rows, &was_len);
	for (int i = 0; i < n; i++) {
		struct saying want = { "", "" };
		const struct stock_decision *d;
		const char *got, *line;

		model_play(m, &want, &choices[i], w->last_id + 1);
		d = world_decide(w, &commands[i]);
		count(m->tally, commands[i].kind, &d->outcome);
		got = world_summary(w, d);
		line = arena_format(&w->arena, "%s%s", want.head, want.events);
		if (strcmp(got, line) != 0)
			fail_msg("command %d:\n is  %s\n not %s",
				 (int)commands[i].kind, got, line);
	}
	if (rand() % 4 == 0) {
		m->tally->undone++;
		rowset_undo(&w->rows);
		is = picture(&w->rows, &is_len);
		assert_int_equal(was_len, is_len);
		assert_memory_equal(was, is, is_len);
		free(is);
		before.message = m->message;
		*m = before;
	}
	free(was);
}

static void play_unit(struct world *w, struct model *m, int step)
{
	struct arena texts = { 0 };
	struct choice choices[12];
	struct gantry_command commands[12];
	int n = 0, sizes[4], messages = 1 + rand() % 4;

	for (int i = 0; i < messages; i++) {
		sizes[i] = 1 + rand() % 3;
		for (int j = 0; j < sizes[i]; j++, n++) {
			choices[n] = choose(m, step);
			/* what the unit makes itself, it has not asked for */
			if (choices[n].alloc >= m->n_allocs)
				choices[n].alloc = ALLOCATIONS;
			commands[n] = command_of(m, &texts, &choices[n]);
		}
	}
	world_begin(w, commands, (size_t)n);
	n = 0;
	for (int i = 0; i < messages; n += sizes[i], i++)
		play_message(w, m, &choices[n], &commands[n], sizes[i]);
	world_commit(w);
	arena_fini(&texts);
}

static void play_history(unsigned seed, struct tally *tally)
{
	static struct model m;
	struct world w;
	char id[8];

	print_message("seed %u\n", seed);
	srand(seed);
	memset(&m, 0, sizeof(m));
	m.tally = tally;
	world_init(&w);
	for (int i = 0; i < ITEMS - 1; i++) {
		m.items[i].on_hand = 10 + rand() % 20;
		snprintf(id, sizeof(id), "inv%d", i);
		world_run(&w, &GANTRY_COMMAND(.kind = GANTRY_ITEM_CREATE,
			.item_id = id, .sku = "S", .product_id = "p",
			.warehouse_id = "wh", .quantity = m.items[i].on_hand));
	}
	for (int step = 0; step < UNITS; step++) {
		w.now_ms += rand() % 500;
		m.now = w.now_ms;
		play_unit(&w, &m, step);
		check_rows(&w, &m);
		check_allocations(&w, &m, m.n_allocs > 40 ? m.n_allocs - 40 : 0);
		if (step % 50 == 0)
			check_verify(&w);
	}
	check_allocations(&w, &m, 0);
	check_verify(&w);
	world_fini(&w);
}

static void test_histories(void **state)
{
	const char *only = getenv("GANTRY_SEED");
	struct tally tally = { .commands = 0 };

	(void)state;
	if (only != NULL) {
		play_history((unsigned)strtoul(only, NULL, 10), &tally);
		return;
	}
	for (unsigned seed = 1; seed <= SEEDS; seed++)
		play_history(seed, &tally);
	print_message("%d commands, %d messages undone, %d codes\n",
		      tally.commands, tally.undone, tally.n_codes);
	for (int kind = GANTRY_ALLOCATE; kind <= GANTRY_RETURN_RECEIVE; kind++) {
		if (kind == GANTRY_ITEM_CREATE)
			continue;
		if (tally.applied[kind] < 10 || tally.stood[kind] < 3)
			fail_msg("command %d: applied %d times, stood %d times",
				 kind, tally.applied[kind], tally.stood[kind]);
	}
	assert_int_equal(tally.n_codes, CODES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histories),
	};

	return cmocka_run_group_tests_name("stock_random", tests, NULL, NULL);
}
