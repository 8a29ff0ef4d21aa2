/* SPDX-License-Identifier: Apache-2.0 */
/* stock_model - see stock_model.h. */
#include "tests/unit/stock_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

const char *model_status(char status)
{
	return status == 'P' ? "PENDING" : status == 'C' ? "CONFIRMED" :
	       status == 'F' ? "FULFILLED" : "CANCELLED";
}

static void say_alloc(struct saying *s, const struct m_alloc *a)
{
	say(s, " alloc_%d:%s", a->id, model_status(a->status));
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

/* As it was before the message. */
static int version_before(const struct model *m, const struct m_alloc *a)
{
	return a->version - (a->born == m->message || a->touched == m->message);
}

/* Whether a, which may be NULL, may make room as the caller has read it. */
static bool may_go(const struct model *m, const struct choice *c,
		   const struct m_alloc *a)
{
	return a != NULL && a == &m->allocs[c->alloc] && c->alloc < m->n_allocs &&
	       a->status != 'F' && !over(m, a) &&
	       (c->version == 0 || c->version == version_before(m, a));
}

static void model_allocate(struct model *m, struct saying *s,
			   const struct choice *c, int next_id)
{
	struct m_order *o = &m->orders[c->order];
	struct m_item *i = &m->items[c->item];
	struct m_alloc *a = NULL;
	bool confirmed = c->by_event && o->state == 'C';
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
	if (c->replaces && !may_go(m, c, a)) {
		say(s, "REFUSED PRECONDITION_FAILED");
		return;
	}
	if (a != NULL && ((!c->replaces && !over(m, a)) ||
			  (c->replaces && a->quantity == c->quantity))) {
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
		confirmed |= c->replaces && a->status == 'C';
		a->by_time = !c->replaces;
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
	if (confirmed)
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
	if (c->version != 0 && c->version != version_before(m, a)) {
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

void model_play(struct model *m, struct saying *s, const struct choice *c,
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

