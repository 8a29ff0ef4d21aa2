/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histories - one random history on every storage: the same messages, retries,
 * conflicts, outages and times give the same answers, rows and events.
 *
 * The storage's clock is ours, so times are the same. Ids with chance in them
 * are numbered as they come, and refs too: the committer takes one when it
 * counts what waits, by its own clock. GANTRY_SEED=n plays one history alone.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/commit/verify.h"
#include "gateway/stock/verify.h"
#include "tests/plugins/histories.h"
#include "tests/plugins/histories_told.h"
#include "tests/unit/commit_world.h"

#define BURSTS 160
#define BURST 6		/* messages that are in one unit */
#define LOOK 20		/* bursts between two looks at all rows */
#define ITEMS 4
#define KEYS 40
#define COMMANDS 3
#define BEGINNING INT64_C(1800000000000)

#define LETTERS 64

/* A dead letter, open or not. */
struct noted {
	int64_t ref;
	char event[24];
};

struct history {
	struct world world;
	uint64_t dice;
	int64_t now_ms;
	FILE *out;
	unsigned number;	/* of messages */
	unsigned order;		/* the oldest that still moves */
	char (*allocations)[40];
	size_t n_allocations;
	struct noted letters[LETTERS];		/* the newest, in a ring */
	size_t n_letters, letters_tried;
	unsigned applied, refused, replayed, failed;
};

/* One message; what it does comes from its own dice, so a retry does the same. */
struct play {
	struct shot shot;
	struct history *h;
	uint64_t dice;
	char name[24], key[24], body[32];
	char event[24];
	struct message_dead_letter letter;
	bool poisoned;		/* the storage refuses a row of it */
	bool asks;
	unsigned order;
	size_t n_allocations;
};

static uint64_t dice(uint64_t *from)
{
	*from ^= *from << 13;
	*from ^= *from >> 7;
	*from ^= *from << 17;
	return *from >> 3;
}

static uint64_t below(uint64_t *from, uint64_t n)
{
	return dice(from) % n;
}

/* What a message does. */

static const char *some_allocation(struct play *p, uint64_t *from)
{
	size_t n = p->n_allocations, newest = n < 12 ? n : 12;

	if (n == 0 || below(from, 20) == 0)
		return "alloc_nix";
	return p->h->allocations[n - 1 - below(from, below(from, 4) ? newest : n)];
}

static struct gantry_command some_command(struct play *p, struct gantry_message *m,
					  uint64_t *from)
{
	static const enum gantry_command_kind kinds[] = {
		GANTRY_ALLOCATE, GANTRY_ALLOCATE, GANTRY_ALLOCATE, GANTRY_ALLOCATE,
		GANTRY_ALLOCATE, GANTRY_CONFIRM, GANTRY_CONFIRM, GANTRY_CONFIRM,
		GANTRY_CANCEL, GANTRY_FULFILL, GANTRY_FULFILL, GANTRY_EXPIRE,
		GANTRY_EXPIRE, GANTRY_ORDER_OPEN, GANTRY_ORDER_CONFIRM,
		GANTRY_ORDER_CANCEL, GANTRY_ITEM_CREATE, GANTRY_ITEM_ADJUST,
		GANTRY_RETURN_EXPECT, GANTRY_RETURN_EXPECT, GANTRY_RETURN_RECEIVE,
	};
	enum gantry_command_kind kind = kinds[below(from, ARRAY_LENGTH(kinds))];
	int order = (int)(p->order + below(from, 6));
	bool line = kind == GANTRY_ALLOCATE || below(from, 2);

	return GANTRY_COMMAND(
		.kind = kind, .if_refused = (enum gantry_if_refused)below(from, 3),
		.order_id = gantry_format(m, "ord_%d", order),
		.order_item_id = !line ? NULL : gantry_format(m, "l%d", (int)below(from, 3)),
		.item_id = gantry_format(m, "inv_%d", (int)below(from, ITEMS + 2)),
		.allocation_id = kind == GANTRY_ALLOCATE && below(from, 8) ? NULL :
			some_allocation(p, from),
		.return_id = gantry_format(m, "ret_%d_%d", order, (int)below(from, 2)),
		.warehouse_id = below(from, 10) ? NULL : "wh_x",
		.sku = "sku \xc3\xa9", .product_id = "p", .reason = below(from, 2) ? "why" : NULL,
		.quantity = kind == GANTRY_ITEM_ADJUST ? (int64_t)below(from, 16) - 4 :
			    !line ? 0 : 1 + (int64_t)below(from, 6),
		.expires_at_ms = below(from, 2) ? 0 : p->h->now_ms + (int64_t)below(from, 5000),
		.if_version = kind < GANTRY_CONFIRM || kind > GANTRY_EXPIRE ||
			below(from, 6) ? 0 : 1 + (int64_t)below(from, 2),
		.by_event = below(from, 2) == 0);
}

/* A record that counts: it is read, so only alone does a message keep its place. */
static int count_up(struct gantry_message *m, struct gantry_error *err)
{
	const json_t *was = gantry_record_get(m, "counts", "all", err);
	json_t *is;
	int done;

	if (gantry_asking(m) || m->error.message[0] != '\0')
		return -1;
	is = json_integer(was == NULL ? 1 : json_integer_value(was) + 1);
	done = gantry_record_put(m, "counts", "all", is, err);
	json_decref(is);
	return done;
}

static int keep(struct play *p, struct gantry_message *m, uint64_t *from,
		struct gantry_error *err)
{
	const char *key = gantry_format(m, "k%d", (int)below(from, 9));
	json_t *value = below(from, 4) == 0 ? NULL :
			p->poisoned ? json_string("poison") :
				      json_pack("{ss sI}", "by", p->name, "n",
						(json_int_t)below(from, 1000));
	int done = gantry_record_put(m, "kept", key, value, err);

	json_decref(value);
	if (done == 0 && below(from, 2))
		done = gantry_publish(m, &GANTRY_EVENT(
			.exchange = "x", .routing_key = "k", .type = p->name,
			.aggregate_type = "kept", .aggregate_id = key,
			.payload_text = "{}", .payload_len = 2,
			.even_if_rejected = below(from, 2)), err);
	return done;
}

static enum gantry_verdict play_handle(struct shot *s, struct gantry_message *m,
				       struct gantry_error *err)
{
	struct play *p = (struct play *)s;
	uint64_t from = p->dice;

	if (p->asks && count_up(m, err) < 0)
		return GANTRY_FAILED;
	for (uint64_t n = below(&from, COMMANDS + 1); n > 0; n--) {
		struct gantry_command command = some_command(p, m, &from);

		if (gantry_command(m, &command, err) < 0)
			return gantry_reject(err, "VALIDATION_ERROR");
	}
	if (below(&from, 3) == 0 && keep(p, m, &from, err) < 0)
		return GANTRY_FAILED;
	if (below(&from, 16) == 0)
		return gantry_reject(err, "ORDER_UNKNOWN");
	return below(&from, 25) == 0 ? GANTRY_FAILED : GANTRY_DONE;
}

/* The reply says all that the outcomes do. */
static void tell_outcome(json_t *list, const struct gantry_outcome *o)
{
	json_t *told = json_pack("{si ss? ss? sI sI}", "result", o->result, "code", o->code,
				 "error", o->error, "requested", (json_int_t)o->requested,
				 "available", (json_int_t)o->available);
	json_t *rows = json_array();

	for (size_t i = 0; i < o->n_allocations; i++) {
		const struct gantry_allocation *a = o->allocations[i];

		json_array_append_new(rows, json_pack(
			"{ss ss sI sI sI sI}", "id", a->id, "status", a->status, "quantity",
			(json_int_t)a->quantity, "expires", (json_int_t)a->expires_at_ms,
			"updated", (json_int_t)a->updated_at_ms, "version",
			(json_int_t)a->version));
	}
	for (size_t i = 0; i < o->n_returns; i++)
		json_array_append_new(rows, json_pack(
			"{ss ss sI sI}", "id", o->returns[i]->id, "allocation",
			o->returns[i]->allocation_id, "expected",
			(json_int_t)o->returns[i]->expected, "received",
			(json_int_t)o->returns[i]->received));
	if (o->item != NULL)
		json_array_append_new(rows, json_pack(
			"{ss sI sI sI}", "id", o->item->id, "available",
			(json_int_t)o->item->available, "reserved",
			(json_int_t)o->item->reserved, "version",
			(json_int_t)o->item->version));
	json_object_set_new(told, "rows", rows);
	json_array_append_new(list, told);
}

static enum gantry_verdict play_settle(struct shot *s, struct gantry_message *m,
				       struct gantry_error *err)
{
	struct play *p = (struct play *)s;
	json_t *list = json_array();
	int done;

	for (int i = 0; i < gantry_steps(m); i++)
		tell_outcome(list, gantry_outcome(m, i));
	done = gantry_reply(m, 200, list, err);
	json_decref(list);
	return done < 0 || p->dice % 31 == 0 ? GANTRY_FAILED : GANTRY_DONE;
}

/* Messages. */

/* An event that was given up. */
static void play_give_up(struct history *h, struct play *p)
{
	static const char *const causes[] = { "VALIDATION_ERROR", "ORDER_UNKNOWN" };

	p->letter = (struct message_dead_letter){
		.queue = "test", .event_id = p->key, .exchange = "x", .routing_key = "k",
		.cause = causes[below(&h->dice, 2)], .text = "given up",
		.handler = "inline.step", .attempts = 1 + (int64_t)below(&h->dice, 5),
		.headers = "{\"a\":1}", .content_type = "application/json",
		.died_at_ms = h->now_ms,
	};
	p->shot.m.dead_letter = &p->letter;
}

/* A dead letter once more, or closed with a reason. */
static void play_resolve(struct history *h, struct play *p)
{
	size_t n = h->n_letters < LETTERS ? h->n_letters : LETTERS;
	const struct noted *letter = &h->letters[below(&h->dice, n)];

	snprintf(p->event, sizeof(p->event), "%s", letter->event);
	shot_is_event(&p->shot, p->event);
	p->shot.m.resolves = letter->ref;
	p->shot.m.actor = "alice";
	if (below(&h->dice, 3) == 0)
		p->shot.m.discards = "of no use";
}

static void play_event(struct history *h, struct play *p)
{
	uint64_t d = below(&h->dice, 6);

	if (d < 2 && h->n_letters > 0) {
		play_resolve(h, p);
		return;
	}
	shot_is_event(&p->shot, p->key);
	if (d == 5)
		play_give_up(h, p);
}

static void play_fire(struct history *h, struct play *p, bool alone)
{
	uint64_t d = dice(&h->dice), flavour = below(&h->dice, 3);
	unsigned key = (unsigned)below(&h->dice, KEYS);

	shot_init(&h->world, &p->shot, GANTRY_INLINE, play_handle);
	p->shot.settle[0] = play_settle;
	p->shot.m.received_ms = h->now_ms;
	p->h = h;
	p->order = h->order;
	p->n_allocations = h->n_allocations;
	p->poisoned = below(&h->dice, 12) == 0;
	p->asks = alone && below(&h->dice, 3) == 0;
	/* with a key, what is done comes from it, seldom from the message */
	p->dice = flavour == 0 || below(&h->dice, 8) == 0 ? d | 1 : key + 7;
	snprintf(p->name, sizeof(p->name), "message %u", h->number++);
	snprintf(p->key, sizeof(p->key), "key %u", key);
	snprintf(p->body, sizeof(p->body), "%" PRIu64, p->dice);
	p->shot.m.body = p->body;
	p->shot.m.body_len = strlen(p->body);
	if (flavour == 1)
		p->shot.m.idempotency_key = p->key;
	else if (flavour == 2)
		play_event(h, p);
	shot_fire(&p->shot);
}

static void play_collect(struct history *h, struct play *p)
{
	const struct message_answer *a = &p->shot.m.answer;

	shot_wait(&p->shot);
	fprintf(h->out, "%s: %d %d %s %.*s\n", p->name, a->status, (int)a->verdict,
		a->outcome != NULL ? a->outcome : "-", (int)a->len,
		a->text != NULL ? a->text : "");
	for (unsigned i = 0; i < a->n_headers; i++)
		fprintf(h->out, "  %s: %s\n", a->headers[i].name, a->headers[i].value);
	h->replayed += shot_header(&p->shot, "Idempotent-Replayed") != NULL ||
		       (a->outcome != NULL && strcmp(a->outcome, "duplicate") == 0);
	h->applied += a->verdict == GANTRY_DONE;
	h->refused += a->verdict == GANTRY_REJECTED;
	h->failed += a->verdict == GANTRY_FAILED;
	shot_fini(&p->shot);
}

/* Calls that fail once or a few times; those behind a plug are past its commit. */
static void some_fault(struct history *h, bool alone)
{
	static const enum world_call calls[] = { WORLD_BEGIN, WORLD_LOAD, WORLD_STORE,
						 WORLD_COMMIT };
	enum world_call call = calls[below(&h->dice, alone ? 4 : 3)];
	enum gantry_stored stored = below(&h->dice, 3) == 0 || call == WORLD_BEGIN ?
					    GANTRY_AWAY : GANTRY_CONFLICT;
	int n = stored == GANTRY_AWAY ? 1 : 1 + (int)below(&h->dice, 3);

	if (below(&h->dice, 4) == 0)
		world_fail(&h->world, call, stored, n);
}

static int note_allocation(void *context, size_t key, const struct gantry_value *values)
{
	struct history *h = context;

	(void)key;
	if ((h->n_allocations & (h->n_allocations - 1)) == 0)
		h->allocations = memory_grow(h->allocations, 2 * h->n_allocations + 1,
					     sizeof(*h->allocations));
	snprintf(h->allocations[h->n_allocations++], sizeof(*h->allocations), "%.*s",
		 (int)values[ALLOCATIONS_ID].len, values[ALLOCATIONS_ID].is.text);
	return 0;
}

/* By ref, which is the order in which they were made. */
static void note_allocations(struct history *h)
{
	const struct gantry_sink sink = { note_allocation, h };
	const struct gantry_range range = { .size = sizeof(range),
					    .table = STOCK_ALLOCATIONS,
					    .index = GANTRY_BY_REF, .limit = 100000 };
	struct gantry_error err = ERROR_INIT;

	h->n_allocations = 0;
	assert_int_equal(h->world.inner->scan(h->world.inner_self, &range, &sink, &err),
			 GANTRY_STORED);
}

static int note_letter(void *context, size_t key, const struct gantry_value *values)
{
	const struct gantry_value *event = &values[DEAD_LETTERS_EVENT_ID];
	struct history *h = context;
	struct noted *letter = &h->letters[h->n_letters++ % LETTERS];

	(void)key;
	letter->ref = values[DEAD_LETTERS_REF].is.number;
	snprintf(letter->event, sizeof(letter->event), "%.*s", (int)event->len,
		 event->is.text);
	return 0;
}

static void note_letters(struct history *h)
{
	const struct gantry_sink sink = { note_letter, h };
	const struct gantry_range range = { .size = sizeof(range),
					    .table = COMMIT_DEAD_LETTERS,
					    .index = GANTRY_BY_REF, .limit = 100000 };
	struct gantry_error err = ERROR_INIT;

	h->n_letters = 0;
	assert_int_equal(h->world.inner->scan(h->world.inner_self, &range, &sink, &err),
			 GANTRY_STORED);
}

static void pass_time(struct history *h)
{
	int64_t steps[] = { 0, 1, 200, 2000, 60000, 25 * 3600000 };
	uint64_t d = below(&h->dice, 40);

	h->now_ms += steps[d < 15 ? 0 : d < 25 ? 1 : d < 33 ? 2 : d < 37 ? 3 : d < 39 ? 4 : 5];
	pthread_mutex_lock(&h->world.lock);
	h->world.fixed_ms = h->now_ms;
	pthread_mutex_unlock(&h->world.lock);
}

static void play_burst(struct history *h, unsigned n)
{
	struct play plays[BURST];
	struct shot plug;

	pass_time(h);
	if (n > 1) {
		world_hold(&h->world, &plug);
		for (unsigned i = 0; i < n; i++)
			play_fire(h, &plays[i], false);
		some_fault(h, false);
		world_release(&h->world, &plug);
	} else {
		some_fault(h, true);
		play_fire(h, &plays[0], true);
	}
	for (unsigned i = 0; i < n; i++)
		play_collect(h, &plays[i]);
	for (unsigned i = 0; i < WORLD_CALLS; i++)
		world_fail(&h->world, i, GANTRY_STORED, 0);
	note_allocations(h);
	note_letters(h);
}

/* What is there. */

/* Some versions begin at the ref: then how far they came tells more. */
static void tell_version(json_t *row)
{
	json_t *version = json_object_get(row, "version");
	json_int_t ref = json_integer_value(json_object_get(row, "ref"));

	if (json_integer_value(version) >= ref)
		json_integer_set(version, json_integer_value(version) - ref);
}

static void tell_rows(struct history *h)
{
	for (unsigned t = 0; t < COMMIT_TABLES; t++) {
		json_t *rows = world_rows(&h->world, t), *row;
		size_t i;

		json_array_foreach(rows, i, row) {
			tell_version(row);
			fprintf(h->out, "%s ", commit_schema.tables[t]->name);
			json_dumpf(row, h->out, JSON_COMPACT);
			fputc('\n', h->out);
		}
		json_decref(rows);
	}
}

static void ask(struct history *h, const char *name, const char *key)
{
	struct query_store store = world_query_store(&h->world);
	const struct gantry_query query = GANTRY_QUERY(.name = name, .key = key, .limit = 7);
	struct gantry_error err = ERROR_INIT;
	struct arena arena = { 0 };
	const char *after = NULL;
	json_t *rows = NULL;

	assert_int_equal(stock_query_run(&store, &query, h->now_ms, &arena, &rows, &after,
					 &err), GANTRY_STORED);
	fprintf(h->out, "%s %s, then %s: ", name, key, after != NULL ? after : "-");
	json_dumpf(rows, h->out, JSON_COMPACT);
	fputc('\n', h->out);
	json_decref(rows);
	arena_fini(&arena);
	error_fini(&err);
}

static void ask_some(struct history *h)
{
	char order[24], item[24];

	snprintf(order, sizeof(order), "ord_%u", h->order + (unsigned)below(&h->dice, 6));
	snprintf(item, sizeof(item), "inv_%u", (unsigned)below(&h->dice, ITEMS + 2));
	ask(h, "order", order);
	ask(h, "allocations-of-order", order);
	ask(h, "returns-of-order", order);
	ask(h, "allocations-due", NULL);
	ask(h, "item", item);
	ask(h, "items", NULL);
	if (h->n_allocations > 0)
		ask(h, "allocation", h->allocations[below(&h->dice, h->n_allocations)]);
}

static void violated(void *ctx, const char *invariant, const char *row, const char *what)
{
	++*(unsigned *)ctx;
	fprintf(stderr, "%s %s: %s\n", invariant, row, what);
}

static void check_invariants(struct history *h)
{
	struct query_store store = world_query_store(&h->world);
	struct gantry_error err = ERROR_INIT;
	unsigned n = 0;

	assert_int_equal(stock_verify(&store, violated, &n, &err), 0);
	assert_int_equal(commit_verify(&store, violated, &n, &err), 0);
	assert_int_equal(verify_dead_letters(&store, violated, &n, &err), 0);
	assert_int_equal(n, 0);
	error_fini(&err);
}

/* All that can be seen of a history on this storage. */
static char *history(uint64_t number, const struct store *store)
{
	struct history h = { .dice = number * UINT64_C(0x9e3779b97f4a7c15) | 1,
			     .now_ms = BEGINNING };
	struct committer_options options = committer_defaults;
	char *text, name[24];
	size_t size;

	h.out = open_memstream(&text, &size);
	/* what goes by the clock of the machine: lanes that hang, old events */
	options.patience_ms = 3600000;
	options.outbox_max_age_ms = INT64_C(10) * 365 * 86400000;
	world_open_store(&h.world, &options, 1, store);
	h.world.refused = "\"poison\"";
	pass_time(&h);
	for (unsigned i = 0; i < ITEMS; i++) {
		snprintf(name, sizeof(name), "inv_%u", i);
		world_item(&h.world, name, 20 + 30 * (int64_t)i);
	}
	for (unsigned i = 0; i < BURSTS; i++) {
		h.order = i / 8;
		play_burst(&h, below(&h.dice, 2) ? 1 : 1 + (unsigned)below(&h.dice, BURST));
		ask_some(&h);
		if (i % LOOK == LOOK - 1)
			tell_rows(&h);
	}
	check_invariants(&h);
	h.letters_tried = world_count(&h.world, COMMIT_AUDIT);
	/* a history that shows nothing would prove nothing */
	if (h.applied < BURSTS / 4 || h.refused < BURSTS / 8 || h.replayed < BURSTS / 16 ||
	    h.failed < BURSTS / 16 || h.n_allocations < 5 || h.letters_tried < 3)
		fail_msg("history %" PRIu64 ": %u applied, %u refused, %u replayed, %u failed, "
			 "%zu allocations, %zu letters tried again", number, h.applied,
			 h.refused, h.replayed, h.failed, h.n_allocations, h.letters_tried);
	world_close(&h.world);
	free(h.allocations);
	fclose(h.out);
	return told_without_chance(text);
}

void histories_run(const struct histories *storages, uint64_t first, unsigned n)
{
	const struct store memory = { store_plugin("memory"), NULL };
	const char *only = getenv("GANTRY_SEED");
	struct store store;

	/* what fails, fails on purpose */
	log_configure(LOG_FORM_TEXT, (enum gantry_level)(GANTRY_LOG_ERROR + 1));
	if (only != NULL) {
		first = strtoull(only, NULL, 10);
		n = 1;
	}
	for (uint64_t seed = first; seed < first + n; seed++) {
		char *wanted = history(seed, &memory), *got;

		storages->make(storages->ctx, &store);
		got = history(seed, &store);
		storages->remove(storages->ctx, &store);
		told_compare(seed, wanted, got, store.plugin->name);
		free(wanted);
		free(got);
	}
	print_message("histories %" PRIu64 " to %" PRIu64 " (GANTRY_SEED=n plays one)\n",
		      first, first + n - 1);
}
