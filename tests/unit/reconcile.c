/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile - an order against what is held for it: tables of cases, and random
 * ones against a second, simple telling, which knows sets and no order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/reconcile/compare.h"

#define NOW 1000000
#define GRACE 1000
#define ROOM 4096

static const char *const classes[DRIFT_CLASSES] = {
	"missing", "orphan", "status", "quantity", "expired", "counters", "unsent",
	"unverified",
};

/* "missing l0 inv allocate 2 v3" ... */
static void tell(void *ctx, const struct drift *d)
{
	const struct gantry_command *c = &d->command;
	char *text = ctx;
	size_t n = strlen(text);
	static const char *const verbs[] = {
		[0] = "-", [GANTRY_ALLOCATE] = "allocate", [GANTRY_CANCEL] = "cancel",
		[GANTRY_EXPIRE] = "expire", [GANTRY_ORDER_OPEN] = "open",
		[GANTRY_ORDER_CONFIRM] = "confirm", [GANTRY_ORDER_CANCEL] = "close",
		[GANTRY_VERIFY] = "verify", [GANTRY_ITEM_RECOUNT] = "recount",
	};

	snprintf(text + n, ROOM - n, "%s%s", n > 0 ? "; " : "", classes[d->class]);
	n = strlen(text);
	snprintf(text + n, ROOM - n, "%s%s%s%s", d->order_item_id != NULL ? " " : "",
		 d->order_item_id != NULL ? d->order_item_id : "",
		 d->allocation_id != NULL ? " " : "",
		 d->allocation_id != NULL ? d->allocation_id : "");
	n = strlen(text);
	snprintf(text + n, ROOM - n, " %s", verbs[c->kind]);
	n = strlen(text);
	if (c->kind == 0)
		return;
	if (c->quantity != 0)
		snprintf(text + n, ROOM - n, " %lld", (long long)c->quantity);
	n = strlen(text);
	if (c->if_version != 0)
		snprintf(text + n, ROOM - n, " v%lld", (long long)c->if_version);
	n = strlen(text);
	if (c->if_allocations != 0)
		snprintf(text + n, ROOM - n, " s%lld", (long long)c->if_allocations);
}

static const char *text_of(const struct compare_service *service,
			   const struct compare_held *held, int64_t now)
{
	static char text[ROOM];
	const struct compare_options options = { now, GRACE };

	text[0] = '\0';
	if (!compare_order(service, held, &options, tell, text))
		return "spared";
	return text;
}

/* One line l0 of 2, one allocation a0 of it: what most cases begin with. */
static struct compare_line line = { "l0", "inv", NULL, 2 };
static struct compare_allocation alloc;
static struct compare_service service;
static struct compare_held held;

static void begin(enum compare_status status, char state, char allocation)
{
	line = (struct compare_line){ "l0", "inv", NULL, 2 };
	alloc = (struct compare_allocation){ .id = "a0", .order_item_id = "l0",
		.item_id = "inv", .status = allocation, .quantity = 2, .version = 5 };
	service = (struct compare_service){ .status = status, .lines = &line,
					    .n_lines = 1 };
	held = (struct compare_held){ .order_id = "o1", .is_there = true, .state = state,
		.version = 3, .allocations = &alloc, .n_allocations = 1 };
}

#define IS(expected) assert_string_equal(text_of(&service, &held, NOW), expected)

static void test_statuses(void **state)
{
	static const struct {
		enum compare_status said;
		char order, allocation;
		const char *expected;
	} cases[] = {
		{ COMPARE_CREATED, 'O', 'P', "" },
		{ COMPARE_CREATED, 'O', 'C', "" },	/* by PUT, before the event */
		{ COMPARE_CREATED, 'O', 'X', "" },
		{ COMPARE_CREATED, 'C', 'C', "status -" },
		{ COMPARE_CREATED, 'X', 'X', "status -" },
		{ COMPARE_CONFIRMED, 'C', 'C', "" },
		{ COMPARE_CONFIRMED, 'C', 'F', "" },
		{ COMPARE_CONFIRMED, 'C', 'P', "status confirm v3 s5" },
		{ COMPARE_CONFIRMED, 'O', 'P', "status confirm v3 s5" },
		{ COMPARE_CONFIRMED, 'O', 'C', "status confirm v3 s5" },
		{ COMPARE_CONFIRMED, 'C', 'X', "missing l0 allocate 2 v3" },
		{ COMPARE_CONFIRMED, 'X', 'X', "status -" },
		{ COMPARE_CANCELLED, 'X', 'X', "" },
		{ COMPARE_CANCELLED, 'X', 'F', "" },
		{ COMPARE_CANCELLED, 'O', 'P', "status close v3 s5" },
		{ COMPARE_CANCELLED, 'C', 'C', "status close v3 s5" },
		{ COMPARE_CANCELLED, 'C', 'F', "status close v3 s5" },
		{ COMPARE_UNKNOWN, 'X', 'X', "" },
		{ COMPARE_UNKNOWN, 'O', 'P', "orphan close v3 s5" },
		{ COMPARE_UNKNOWN, 'O', 'X', "orphan close v3" },
		{ COMPARE_UNKNOWN, 'C', 'F', "orphan -" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(cases[i].said, cases[i].order, cases[i].allocation);
		IS(cases[i].expected);
	}
}

static void test_grace(void **state)
{
	(void)state;
	begin(COMPARE_CANCELLED, 'O', 'P');
	held.changed_ms = NOW - GRACE + 1;
	IS("spared");
	held.changed_ms = NOW - GRACE;
	IS("status close v3 s5");
	alloc.changed_ms = NOW;
	IS("spared");
	alloc.changed_ms = 0;
	service.changed_ms = NOW - 1;
	IS("spared");
	service.changed_ms = 0;
	IS("status close v3 s5");
}

static void test_quantities(void **state)
{
	struct compare_allocation two[2];

	(void)state;
	begin(COMPARE_CONFIRMED, 'C', 'C');
	line.quantity = 3;
	IS("quantity l0 a0 allocate 3 v5");
	alloc.status = 'F';
	IS("quantity l0 a0 -");
	line.quantity = 0;
	IS("");
	/* of two inventory items: which of them is not for us to say */
	begin(COMPARE_CONFIRMED, 'C', 'C');
	two[0] = two[1] = alloc;
	two[1].id = "a1";
	held.allocations = two;
	held.n_allocations = 2;
	line.quantity = 4;
	IS("");
	line.quantity = 5;
	IS("quantity l0 -");
}

static void test_lines(void **state)
{
	struct compare_line lines[3];

	(void)state;
	begin(COMPARE_CREATED, 'O', 'P');
	line.order_item_id = "l1";
	IS("orphan l0 a0 cancel v5");
	service.wants_stock = true;
	IS("orphan l0 a0 cancel v5; missing l1 allocate 2 v3");
	alloc.status = 'F';
	IS("orphan l0 a0 -; missing l1 allocate 2 v3");
	/* what has expired is not held again without being asked for */
	begin(COMPARE_CREATED, 'O', 'X');
	service.wants_stock = true;
	IS("");
	/* not said what of it, or twice the same */
	begin(COMPARE_CONFIRMED, 'C', 'X');
	line.item_id = NULL;
	IS("missing l0 -");
	lines[0] = lines[1] = (struct compare_line){ "l0", "inv", NULL, 1 };
	lines[2] = (struct compare_line){ "l2", "inv", NULL, 1 };
	service.lines = lines;
	service.n_lines = 3;
	IS("missing l0 -; missing l0 -; missing l2 allocate 1 v3");
	lines[1].item_id = "other";
	IS("missing l0 allocate 1 v3; missing l0 allocate 1 v3; missing l2 allocate 1 v3");
}

static void test_expired_and_unverified(void **state)
{
	(void)state;
	begin(COMPARE_CREATED, 'O', 'P');
	alloc.expires_ms = NOW - GRACE + 1;
	IS("");
	alloc.expires_ms = NOW - GRACE;
	IS("expired l0 a0 expire v5");
	service.status = COMPARE_CONFIRMED;
	IS("expired l0 a0 expire v5; status confirm v3 s5; missing l0 allocate 2 v3");
	begin(COMPARE_CREATED, 'O', 'P');
	alloc.unverified = true;
	IS("unverified l0 a0 verify v5");
	line.quantity = 9;
	IS("quantity l0 a0 allocate 9 v5");
	service.status = COMPARE_UNKNOWN;
	IS("orphan close v3 s5");
	begin(COMPARE_CONFIRMED, 'O', 'P');
	alloc.unverified = true;
	IS("unverified l0 a0 verify v5; status confirm v3 s5");
	alloc.status = 'X';
	held.state = 'C';
	IS("missing l0 allocate 2 v3");
}

static void test_without_a_row(void **state)
{
	(void)state;
	begin(COMPARE_CONFIRMED, 'O', 'P');
	held = (struct compare_held){ .order_id = "o1" };
	IS("missing open; status confirm; missing l0 allocate 2");
	service.status = COMPARE_CREATED;
	IS("");
	service.wants_stock = true;
	IS("missing open; missing l0 allocate 2");
	service.status = COMPARE_CANCELLED;
	IS("");
	service.status = COMPARE_UNKNOWN;
	IS("");
}

static const char *counted(int64_t available, int64_t reserved, int64_t sum)
{
	static char text[ROOM];
	const struct compare_item item = { "inv", available, reserved, 7, sum };

	text[0] = '\0';
	compare_item(&item, tell, text);
	return text;
}

static void test_counters(void **state)
{
	(void)state;
	assert_string_equal(counted(10, 4, 4), "");
	assert_string_equal(counted(10, 4, 3), "counters recount 3 v7");
	assert_string_equal(counted(10, 4, 10), "counters recount 10 v7");
	assert_string_equal(counted(10, 4, 11), "counters -");
	assert_string_equal(counted(10, 4, 0), "counters recount v7");
}

/*
 * The second telling. It plays what the drifts would mend on a copy, by rules of
 * its own, and asks two things: is what is left in step, and would it have been
 * touched had it been so before? So it does not repeat how drifts are found.
 */
#define LINES 3
#define ALLOCATIONS 4

struct shop {
	struct compare_service service;
	struct compare_held held;
	struct compare_line lines[LINES];
	struct compare_allocation allocations[ALLOCATIONS + LINES];
	bool hopeless;		/* something was told that nothing mends */
	int64_t now;
	unsigned commands;
};

static const char *const line_ids[] = { "l0", "l1", "l2", "l3" };
static const char *const alloc_ids[] = { "a0", "a1", "a2", "a3" };
static const char *const item_ids[] = { "i0", "i1" };

static unsigned below(unsigned n)
{
	return (unsigned)rand() % n;
}

/* Half of them in step but for one thing, so that health is seen, too. */
static void shop_fill(struct shop *s)
{
	*s = (struct shop){ .now = NOW };
	s->service.status = (enum compare_status)below(4);
	s->service.wants_stock = below(3) == 0;
	s->service.lines = s->lines;
	s->service.n_lines = below(LINES + 1);
	for (size_t i = 0; i < s->service.n_lines; i++)
		s->lines[i] = (struct compare_line){ line_ids[i], item_ids[below(2)], NULL,
						     1 + below(3) };
	s->held = (struct compare_held){ .order_id = "o", .is_there = true,
		.state = "OCX"[below(3)], .version = 1 + below(5),
		.allocations = s->allocations };
	for (unsigned i = 0; i < ALLOCATIONS && s->held.state != 'X'; i++)
		if (below(3) != 0)
			s->allocations[s->held.n_allocations++] = (struct compare_allocation){
				.id = alloc_ids[i], .order_item_id = line_ids[i],
				.item_id = item_ids[0], .status = "PCFX"[below(4)],
				.unverified = below(4) == 0, .quantity = 1 + below(3),
				.version = 1 + below(4),
				.expires_ms = below(3) == 0 ? NOW - 2 * GRACE : 0 };
}

static struct compare_allocation *shop_find(struct shop *s, const char *id)
{
	for (size_t i = 0; i < s->held.n_allocations; i++)
		if (strcmp(s->allocations[i].id, id) == 0)
			return &s->allocations[i];
	fail_msg("no allocation %s", id);
	return NULL;
}

/* What the rules of stock do with a whole order. */
static void shop_whole(struct shop *s, bool confirm)
{
	s->held.state = confirm ? 'C' : 'X';
	for (size_t i = 0; i < s->held.n_allocations; i++) {
		struct compare_allocation *a = &s->allocations[i];

		if (confirm && a->status == 'P')
			a->status = a->expires_ms != 0 && a->expires_ms <= s->now ? 'X' : 'C';
		else if (!confirm && (a->status == 'P' || a->status == 'C'))
			a->status = 'X';
	}
}

static void shop_allocate(struct shop *s, const struct gantry_command *c)
{
	if (c->allocation_id != NULL) {
		struct compare_allocation *a = shop_find(s, c->allocation_id);

		assert_true(a->status == 'P' || a->status == 'C');
		assert_int_equal(a->version, c->if_version);
		a->quantity = c->quantity;
		a->unverified = false;
		return;
	}
	/* nothing may live under this item of the order */
	for (size_t i = 0; i < s->held.n_allocations; i++)
		assert_true(s->allocations[i].status == 'X' ||
			    strcmp(s->allocations[i].order_item_id, c->order_item_id) != 0);
	assert_true(s->held.n_allocations < ALLOCATIONS + LINES);
	s->allocations[s->held.n_allocations++] = (struct compare_allocation){
		.id = "new", .order_item_id = c->order_item_id, .item_id = c->item_id,
		.status = s->held.state == 'C' ? 'C' : 'P', .quantity = c->quantity,
		.version = 1 };
}

struct mending {
	struct shop *shop, *before;
};

static void shop_mend(void *ctx, const struct drift *d)
{
	struct mending *m = ctx;
	const struct gantry_command *c = &d->command;
	struct compare_allocation *a;
	int64_t sum = 0;

	if (c->kind == 0) {
		m->shop->hopeless = true;
		return;
	}
	m->shop->commands++;
	switch ((int)c->kind) {
	case GANTRY_ALLOCATE:
		shop_allocate(m->shop, c);
		break;
	case GANTRY_ORDER_CONFIRM:
	case GANTRY_ORDER_CANCEL:
		for (size_t i = 0; i < m->before->held.n_allocations; i++)
			if (m->before->allocations[i].status != 'X')
				sum += m->before->allocations[i].version;
		assert_int_equal(c->if_version, m->before->held.version);
		assert_int_equal(c->if_allocations, sum);
		shop_whole(m->shop, c->kind == GANTRY_ORDER_CONFIRM);
		break;
	case GANTRY_VERIFY:
		a = shop_find(m->shop, c->allocation_id);
		assert_true(a->unverified);
		a->unverified = false;
		break;
	case GANTRY_CANCEL:
	case GANTRY_EXPIRE:
		a = shop_find(m->shop, c->allocation_id);
		assert_true(a->status == 'P' || a->status == 'C');
		assert_int_equal(a->version, c->if_version);
		a->status = 'X';
		break;
	default:
		fail_msg("command %d", (int)c->kind);
	}
}

/* What an order in step looks like: said plainly, of states and sums. */
static bool shop_in_step(const struct shop *s)
{
	const struct compare_held *h = &s->held;
	enum compare_status said = s->service.status;
	bool live = said == COMPARE_CREATED || said == COMPARE_CONFIRMED;
	int64_t want[LINES + 1] = { 0 }, have[LINES + 1] = { 0 };
	bool ever[LINES + 1] = { false };

	if (live != (h->state != 'X') || (said == COMPARE_CONFIRMED && h->state != 'C') ||
	    (said == COMPARE_CREATED && h->state != 'O'))
		return false;
	for (size_t i = 0; i < s->service.n_lines; i++)
		want[s->lines[i].order_item_id[1] - '0'] += s->lines[i].quantity;
	for (size_t i = 0; i < h->n_allocations; i++) {
		const struct compare_allocation *a = &s->allocations[i];

		ever[a->order_item_id[1] - '0'] = true;
		if (a->status == 'X' || (a->status == 'F' && !live))
			continue;
		if (!live || a->unverified || (a->status == 'P' && a->expires_ms != 0) ||
		    (a->status == 'P' && said == COMPARE_CONFIRMED))
			return false;
		have[a->order_item_id[1] - '0'] += a->quantity;
	}
	for (int i = 0; live && i <= LINES; i++) {
		bool may_lack = said == COMPARE_CREATED &&
				(!s->service.wants_stock || ever[i]);

		if (have[i] != want[i] && !(have[i] == 0 && may_lack))
			return false;
	}
	return true;
}

static unsigned shop_told(struct shop *s)
{
	const struct compare_options options = { s->now, GRACE };
	char text[ROOM] = "";

	assert_true(compare_order(&s->service, &s->held, &options, tell, text));
	return (unsigned)strlen(text);
}

static void test_properties(void **state)
{
	const struct compare_options options = { NOW, GRACE };
	unsigned in_step = 0, mended = 0, hopeless = 0;

	(void)state;
	srand(17);
	for (int n = 0; n < 60000; n++) {
		struct shop s, before;
		struct mending m = { &s, &before };

		shop_fill(&s);
		before = s;
		before.service.lines = before.lines;
		before.held.allocations = before.allocations;
		if ((shop_told(&s) == 0) != shop_in_step(&before))
			fail_msg("case %d: in step %d, told %u", n, shop_in_step(&before),
				 shop_told(&s));
		assert_true(compare_order(&before.service, &before.held, &options,
					  shop_mend, &m));
		in_step += s.commands == 0 && !s.hopeless;
		hopeless += s.hopeless;
		if (s.hopeless)
			continue;
		mended += s.commands > 0;
		/* a second look plans nothing */
		if (shop_told(&s) != 0 || !shop_in_step(&s))
			fail_msg("case %d: not mended: %s", n,
				 text_of(&s.service, &s.held, NOW));
		/* and what was shipped was left alone */
		for (size_t i = 0; i < before.held.n_allocations; i++)
			if (before.allocations[i].status == 'F')
				assert_int_equal(s.allocations[i].status, 'F');
	}
	print_message("%u in step, %u mended, %u told of only\n", in_step, mended, hopeless);
	assert_true(in_step > 1000 && mended > 10000 && hopeless > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_grace),
		cmocka_unit_test(test_quantities),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_expired_and_unverified),
		cmocka_unit_test(test_without_a_row),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
