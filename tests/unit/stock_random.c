/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stock_random - long random histories against a second, simple telling of
 * the rules that shares no code with the first: arrays of small structs, and
 * what each command must answer as a line of text, events in their order.
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
#include "tests/unit/stock_world.h"

#define SEEDS 16
#define UNITS 400
#define ORDERS 40
#define ITEMS 4			/* the last one does not exist */
#define ALLOCATIONS 3000
#define RETURNS 1000

struct m_item { int64_t on_hand, held; };
struct m_order { char state; int live; };	/* 0 O C X */
struct m_alloc {
	int id, order, line, item, version, born, touched;
	int64_t quantity, expires;
	char status;				/* P C F X */
	bool by_time;
};
struct m_return { int id, alloc, order, line; int64_t expected, received; bool in; };

struct model {
	struct m_item items[ITEMS];
	struct m_order orders[ORDERS];
	struct m_alloc allocs[ALLOCATIONS];
	struct m_return returns[RETURNS];
	int n_allocs, n_returns, message;
	int64_t now;
	struct tally *tally;
};

/* What came up, over all histories: a test that never refuses proves little. */
#define CODES 16
struct tally {
	int applied[GANTRY_RETURN_RECEIVE + 1], stood[GANTRY_RETURN_RECEIVE + 1];
	char codes[CODES][40];
	int n_codes, commands, undone;
};

/* What the command is to say. */
struct saying { char head[8192], events[8192]; };

static void say(struct saying *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void say(struct saying *s, const char *format, ...)
{
	size_t len = strlen(s->head);
	va_list ap;

	va_start(ap, format);
	vsnprintf(s->head + len, sizeof(s->head) - len, format, ap);
	va_end(ap);
}

static void say_event(struct saying *s, const char *type, const char *prefix, int id)
{
	size_t len = strlen(s->events);

	snprintf(s->events + len, sizeof(s->events) - len, "%s%s %s%d",
		 len == 0 ? " | " : ", ", type, prefix, id);
}

static const char *word(char status)
{
	return status == 'P' ? "PENDING" : status == 'C' ? "CONFIRMED" :
	       status == 'F' ? "FULFILLED" : "CANCELLED";
}

static void say_alloc(struct saying *s, const struct m_alloc *a)
{
	say(s, " alloc_%d:%s", a->id, word(a->status));
}

static bool over(const struct model *m, const struct m_alloc *a)
{
	return a->status == 'P' && a->expires != 0 && m->now >= a->expires;
}

static void move(struct model *m, struct saying *s, struct m_alloc *a, char to)
{
	if (a->born != m->message && a->touched != m->message)
		a->version++;
	a->touched = m->message;
	a->status = to;
	if (to == 'X') {
		m->items[a->item].held -= a->quantity;
		m->orders[a->order].live--;
	} else if (to == 'F') {
		m->items[a->item].held -= a->quantity;
		m->items[a->item].on_hand -= a->quantity;
	}
	say_event(s, to == 'X' ? "AllocationCancelled" : to == 'F' ?
		  "AllocationFulfilled" : "AllocationConfirmed", "alloc_", a->id);
}

/* The choices of a command, from which both sides are made. */
struct choice {
	enum gantry_command_kind kind;
	int order, line, item, alloc, ret;	/* line, ret: -1 none */
	int64_t quantity, expires, version;
	bool by_event, far;
};

static void model_allocate(struct model *m, struct saying *s,
			   const struct choice *c, int next_id)
{
	struct m_order *o = &m->orders[c->order];
	struct m_item *i = &m->items[c->item];
	struct m_alloc *a = NULL;
	int64_t can;

	if (o->state == 'X') {
		say(s, c->by_event ? "STOOD" : "REFUSED ORDER_CANCELLED");
		return;
	}
	if (c->item == ITEMS - 1) {
		say(s, "REFUSED INVENTORY_ITEM_NOT_FOUND");
		return;
	}
	if (c->far) {
		say(s, "REFUSED WAREHOUSE_MISMATCH");
		return;
	}
	for (int n = 0; n < m->n_allocs; n++)
		if (m->allocs[n].order == c->order && m->allocs[n].line == c->line &&
		    m->allocs[n].item == c->item && m->allocs[n].status != 'X')
			a = &m->allocs[n];
	if (a != NULL && !over(m, a)) {
		if (a->quantity != c->quantity) {
			say(s, "REFUSED ALLOCATION_EXISTS");
		} else if (c->by_event && o->state == 'C' && a->status == 'P') {
			move(m, s, a, 'C');
			say(s, "APPLIED");
			say_alloc(s, a);
		} else {
			say(s, "STOOD");
			say_alloc(s, a);
		}
		return;
	}
	can = i->on_hand - i->held + (a == NULL ? 0 : a->quantity);
	if (c->quantity > can) {
		say(s, "REFUSED INSUFFICIENT_STOCK");
		say_event(s, "InsufficientStock", "inv", c->item);
		return;
	}
	if (a != NULL) {
		a->by_time = true;
		move(m, s, a, 'X');
	}
	if (o->state == 0)
		o->state = 'O';
	a = &m->allocs[m->n_allocs++];
	*a = (struct m_alloc){
		.id = next_id, .order = c->order, .line = c->line,
		.item = c->item, .version = 1, .born = m->message,
		.quantity = c->quantity, .expires = c->expires, .status = 'P',
	};
	i->held += c->quantity;
	o->live++;
	say_event(s, "AllocationCreated", "alloc_", a->id);
	if (c->by_event && o->state == 'C')
		move(m, s, a, 'C');
	say(s, "APPLIED");
	say_alloc(s, a);
}

static void model_one(struct model *m, struct saying *s, const struct choice *c)
{
	static const char *const may[] = {
		[GANTRY_CONFIRM] = "P", [GANTRY_CANCEL] = "PC",
		[GANTRY_FULFILL] = "C",
	};
	char to = c->kind == GANTRY_CONFIRM ? 'C' : c->kind == GANTRY_FULFILL ?
		  'F' : 'X';
	struct m_alloc *a = NULL;

	if (c->alloc < m->n_allocs)
		a = &m->allocs[c->alloc];
	if (a == NULL) {
		say(s, "REFUSED ALLOCATION_NOT_FOUND");
		return;
	}
	if (c->version != 0 && c->version != a->version) {
		say(s, "REFUSED PRECONDITION_FAILED");
		return;
	}
	if (c->kind == GANTRY_EXPIRE ? !over(m, a) : a->status == to) {
		say(s, "STOOD");
	} else if (c->kind == GANTRY_CONFIRM &&
		   (over(m, a) || (a->status == 'X' && a->by_time))) {
		say(s, "REFUSED ALLOCATION_EXPIRED");
		return;
	} else if (c->kind != GANTRY_EXPIRE && !strchr(may[c->kind], a->status)) {
		say(s, "REFUSED INVALID_STATE_TRANSITION");
		return;
	} else {
		a->by_time = c->kind == GANTRY_EXPIRE;
		move(m, s, a, to);
		say(s, "APPLIED");
	}
	say_alloc(s, a);
}

static void model_order(struct model *m, struct saying *s, const struct choice *c)
{
	struct m_order *o = &m->orders[c->order];
	char to = c->kind == GANTRY_ORDER_CANCEL ? 'X' :
		  c->kind == GANTRY_ORDER_CONFIRM ? 'C' : 'O';
	bool moved = o->state == 0 || o->state != to;
	struct saying list = { "", "" };

	if (o->state == 0 && to == 'C') {
		say(s, "REFUSED ORDER_UNKNOWN");
		return;
	}
	if (o->state == 'X' || (o->state != 0 && to == 'O')) {
		say(s, "STOOD");
		return;
	}
	o->state = to;
	for (int n = 0; n < m->n_allocs && to != 'O'; n++) {
		struct m_alloc *a = &m->allocs[n];

		if (a->order != c->order ||
		    !(a->status == 'P' || (to == 'X' && a->status == 'C')))
			continue;
		if (to == 'C' && over(m, a)) {
			a->by_time = true;
			move(m, s, a, 'X');
		} else {
			move(m, s, a, to);
		}
		moved = true;
		say_alloc(&list, a);
	}
	say(s, "%s%s", moved ? "APPLIED" : "STOOD", list.head);
}

static void model_item(struct model *m, struct saying *s, const struct choice *c)
{
	struct m_item *i = &m->items[c->item];

	if (c->item == ITEMS - 1) {
		say(s, "REFUSED INVENTORY_ITEM_NOT_FOUND");
		return;
	}
	if (i->on_hand + c->quantity < i->held) {
		say(s, "REFUSED ADJUSTMENT_BELOW_RESERVED");
		return;
	}
	i->on_hand += c->quantity;
	say(s, "%s inv%d:%d/%d", c->quantity == 0 ? "STOOD" : "APPLIED", c->item,
	    (int)i->held, (int)i->on_hand);
}

static void say_return(struct model *m, struct saying *s, const struct m_return *r)
{
	say(s, " ret%d/alloc_%d:%s:%d/%d", r->id, m->allocs[r->alloc].id,
	    r->in ? "RECEIVED" : "EXPECTED", (int)r->received, (int)r->expected);
}

static void model_expect(struct model *m, struct saying *s, const struct choice *c)
{
	struct saying same = { "", "" };
	int64_t here = 0, left[ALLOCATIONS], all = 0, want;
	int fulfilled = 0;

	for (int n = 0; n < m->n_allocs; n++) {
		struct m_alloc *a = &m->allocs[n];

		left[n] = 0;
		if (a->order != c->order || a->status != 'F' ||
		    (c->line >= 0 && a->line != c->line))
			continue;
		fulfilled++;
		left[n] = a->quantity;
		for (int r = 0; r < m->n_returns; r++) {
			if (m->returns[r].alloc != n)
				continue;
			if (m->returns[r].id != c->ret) {
				left[n] -= m->returns[r].expected;
				continue;
			}
			here += m->returns[r].expected;
			say_return(m, &same, &m->returns[r]);
		}
		all += left[n];
	}
	if (fulfilled == 0) {
		say(s, "REFUSED ORDER_NOT_FULFILLED");
	} else if (here > 0 && c->quantity > 0 && c->quantity != here) {
		say(s, "REFUSED RETURN_EXISTS");
	} else if (here > 0) {
		say(s, "STOOD%s", same.head);
	} else if (c->quantity > all) {
		say(s, "REFUSED RETURN_EXCEEDS_FULFILLED");
	} else if (all == 0) {
		say(s, "STOOD");
	} else {
		say(s, "APPLIED");
		want = c->quantity > 0 ? c->quantity : all;
		for (int n = 0; n < m->n_allocs && want > 0; n++) {
			struct m_return *r = &m->returns[m->n_returns];

			if (left[n] == 0)
				continue;
			*r = (struct m_return){
				.id = c->ret, .alloc = n, .order = c->order,
				.line = m->allocs[n].line,
				.expected = left[n] < want ? left[n] : want,
			};
			want -= r->expected;
			m->n_returns++;
			say_return(m, s, r);
		}
	}
}

static void model_receive(struct model *m, struct saying *s, const struct choice *c)
{
	int64_t expected = 0, received = 0, left;
	struct saying same = { "", "" };
	int rows = 0, waiting = 0;

	for (int n = 0; n < m->n_returns; n++) {
		struct m_return *r = &m->returns[n];

		if (r->id != c->ret || (c->line >= 0 && r->line != c->line))
			continue;
		rows++;
		waiting += !r->in;
		expected += r->in ? 0 : r->expected;
		received += r->received;
		say_return(m, &same, r);
	}
	if (rows == 0) {
		say(s, "REFUSED RETURN_NOT_FOUND");
	} else if (waiting == 0 && c->quantity > 0 && c->quantity != received) {
		say(s, "REFUSED INVALID_STATE_TRANSITION");
	} else if (waiting == 0) {
		say(s, "STOOD%s", same.head);
	} else if (c->quantity > expected) {
		say(s, "REFUSED RETURN_EXCEEDS_EXPECTED");
	} else {
		say(s, "APPLIED");
		left = c->quantity > 0 ? c->quantity : expected;
		for (int n = 0; n < m->n_returns; n++) {
			struct m_return *r = &m->returns[n];

			if (r->in || r->id != c->ret ||
			    (c->line >= 0 && r->line != c->line))
				continue;
			r->in = true;
			r->received = r->expected < left ? r->expected : left;
			left -= r->received;
			m->items[m->allocs[r->alloc].item].on_hand += r->received;
			say_return(m, s, r);
		}
	}
}

static void model_play(struct model *m, struct saying *s, const struct choice *c,
		       int next_id)
{
	switch (c->kind) {
	case GANTRY_ALLOCATE:
		model_allocate(m, s, c, next_id);
		break;
	case GANTRY_ORDER_OPEN:
	case GANTRY_ORDER_CONFIRM:
	case GANTRY_ORDER_CANCEL:
		model_order(m, s, c);
		break;
	case GANTRY_ITEM_ADJUST:
		model_item(m, s, c);
		break;
	case GANTRY_RETURN_EXPECT:
		model_expect(m, s, c);
		break;
	case GANTRY_RETURN_RECEIVE:
		model_receive(m, s, c);
		break;
	default:
		model_one(m, s, c);
	}
}

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
		.allocation_id = c->alloc < m->n_allocs ?
			arena_format(a, "alloc_%d", m->allocs[c->alloc].id) : "nix",
		.return_id = arena_format(a, "ret%d", c->ret),
		.warehouse_id = c->far ? "far" : c->by_event ? "wh" : NULL,
		.quantity = c->quantity, .expires_at_ms = c->expires,
		.if_version = c->kind >= GANTRY_CONFIRM && c->kind <= GANTRY_EXPIRE ?
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
				    word(a->status), strlen(word(a->status)));
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
		const char *got;

		model_play(m, &want, &choices[i], w->last_id + 1);
		say(&want, "%s", want.events);
		d = world_decide(w, &commands[i]);
		count(m->tally, commands[i].kind, &d->outcome);
		got = world_summary(w, d);
		if (strcmp(got, want.head) != 0)
			fail_msg("command %d:\n is  %s\n not %s",
				 (int)commands[i].kind, got, want.head);
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
