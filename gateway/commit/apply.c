/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply - one message inside its unit: is its answer kept, was it here
 * before, does what it read still stand; then its commands, its settle, its
 * rows. Refused or failed: this message alone is undone.
 */
#include <assert.h>
#include <string.h>

#include "gateway/commit/unit.h"
#include "gateway/pipeline/envelope.h"

#define APPLY_MAX_MOVED 8

static struct gantry_key apply_key(unsigned table, unsigned index,
				   const struct gantry_value *values,
				   const struct gantry_key *via, unsigned column)
{
	return (struct gantry_key){ .size = sizeof(struct gantry_key),
				    .table = table, .index = index, .n = 1,
				    .values = values, .via = via,
				    .via_column = column };
}

/* Whether the newest events of what a command moves are still unsent (I5). */
static void apply_event_needs(struct unit *u, const struct gantry_command *c)
{
	struct gantry_value value = value_text(c->allocation_id != NULL ?
					       c->allocation_id : c->order_id);
	struct gantry_key order, allocation, event;

	switch (c->kind) {
	case GANTRY_CONFIRM:
	case GANTRY_CANCEL:
	case GANTRY_FULFILL:
	case GANTRY_EXPIRE:
		allocation = apply_key(STOCK_ALLOCATIONS, 0, &value, NULL, 0);
		break;
	case GANTRY_ORDER_CONFIRM:
	case GANTRY_ORDER_CANCEL:
		order = apply_key(STOCK_ORDERS, 0, &value, NULL, 0);
		allocation = apply_key(STOCK_ALLOCATIONS, 1, NULL, &order, ORDERS_REF);
		break;
	default:
		return;
	}
	event = apply_key(COMMIT_OUTBOX, GANTRY_BY_REF, NULL, &allocation,
			  ALLOCATIONS_LAST_EVENT);
	needs_read(&u->needs, &event);
}

void apply_needs(struct unit *u, struct gantry_message *m)
{
	struct gantry_value value = value_text(m->inbox_key);
	struct gantry_key inbox = apply_key(COMMIT_INBOX, 0, &value, NULL, 0);
	struct effect e;
	size_t cursor = 0;

	if (m->dead_letter != NULL || m->resolves != 0)
		dead_letter_needs(u, m);
	if (m->lease != NULL)
		lease_needs(u, m->lease->name);
	idempotency_needs(u, m);
	record_needs(u, m);
	if (m->inbox_key != NULL)
		needs_read(&u->needs, &inbox);
	if (m->effects.n_commands == 0)
		return;
	while (effects_next(&m->effects, &cursor, &e)) {
		if (e.kind != EFFECT_COMMAND)
			continue;
		stock_needs(&e.as.command, &u->needs);
		apply_event_needs(u, &e.as.command);
	}
}

unsigned apply_weight(const struct gantry_message *m)
{
	struct effect e;
	size_t cursor = 0;
	unsigned weight = 1;

	while (effects_next(&m->effects, &cursor, &e))
		if (e.kind == EFFECT_COMMAND)
			weight += stock_weight(&e.as.command);
	return weight;
}

unsigned apply_loaded_weight(const struct unit *u, const struct gantry_message *m)
{
	struct effect e;
	size_t cursor = 0;
	unsigned weight = 1;

	while (effects_next(&m->effects, &cursor, &e))
		if (e.kind == EFFECT_COMMAND)
			weight += stock_loaded_weight(&e.as.command, &u->rows);
	return weight;
}

/* References to ids are minted by the world, with the unit's time. */
static int64_t apply_mint_ref(void *minter)
{
	struct unit *u = minter;

	return ids_ref(&u->world->refs, u->now_ms);
}

static void apply_mint_id(void *minter, const char *prefix, char *text, size_t room)
{
	struct unit *u = minter;
	size_t n = strlen(prefix);

	assert(n + IDS_ULID <= room);
	memcpy(text, prefix, n);
	ids_ulid(u->now_ms, text + n);
}

static struct stock_context apply_context(struct unit *u)
{
	return (struct stock_context){ .rows = &u->rows,
				       .arena = &u->arena,
				       .now_ms = u->now_ms,
				       .ref = apply_mint_ref,
				       .id = apply_mint_id,
				       .minter = u };
}

/* What the commands of one message came to. */
struct apply_result {
	const struct stock_decision *refusal;	/* that rejects the message */
	bool quiet;				/* its shortage makes no event */
	bool refused;				/* some command was */
};

static void apply_events(struct unit *u, struct gantry_message *m,
			 const struct stock_decision *d,
			 const struct gantry_command *c)
{
	bool loaded = c->kind != GANTRY_ALLOCATE;

	if (d->outcome.result == GANTRY_REFUSED && c->no_shortage_event)
		return;
	for (size_t i = 0; i < d->n_events; i++)
		outbox_add_stock(u, m, d->events[i], !loaded);
}

static void apply_commands(struct unit *u, struct gantry_message *m,
			   struct apply_result *result)
{
	struct stock_context context = apply_context(u);
	const struct gantry_outcome **outcomes;
	struct effect e;
	size_t cursor = 0;

	outcomes = arena_alloc(&u->arena, (m->effects.n_commands + 1) * sizeof(*outcomes));
	m->outcomes = outcomes;
	m->n_outcomes = 0;
	while (effects_next(&m->effects, &cursor, &e)) {
		const struct stock_decision *d;

		if (e.kind != EFFECT_COMMAND)
			continue;
		d = stock_decide(&context, &e.as.command);
		outcomes[m->n_outcomes++] = &d->outcome;
		result->refused |= d->outcome.result == GANTRY_REFUSED;
		if (d->outcome.result == GANTRY_REFUSED &&
		    e.as.command.if_refused == GANTRY_IF_REFUSED_REJECT) {
			result->refusal = d;
			result->quiet = e.as.command.no_shortage_event;
			return;
		}
		if (d->outcome.n_allocations > 0 && m->source == GANTRY_SOURCE_HTTP)
			message_name_order(m, d->outcome.allocations[0]->order_id);
		apply_events(u, m, d, &e.as.command);
	}
}

/* A dead letter that is applied after all has its row already. */
static void apply_inbox(struct unit *u, struct gantry_message *m, const char *state)
{
	struct gantry_value value = value_text(m->inbox_key);
	struct row *row;

	if (m->inbox_key == NULL)
		return;
	row = m->resolves != 0 ?
		rowset_find(&u->rows, COMMIT_INBOX, 0, &value, 1) : NULL;
	if (row != NULL) {
		row_set_text(&u->rows, row, INBOX_STATE, state);
		return;
	}
	row = rowset_new(&u->rows, COMMIT_INBOX, ids_ref(&u->world->refs, u->now_ms));
	row_set_text(&u->rows, row, INBOX_KEY, m->inbox_key);
	row_set_text(&u->rows, row, INBOX_STATE, state);
	row_set_number(&u->rows, row, INBOX_CREATED_AT, u->now_ms);
}

/*
 * A rejected message still commits what is marked so, the shortage that
 * refused it and, if keyed, its answer. Events that are rejected commit
 * nothing: what becomes of them is their source's matter.
 */
static void apply_rejected(struct unit *u, struct gantry_message *m,
			   const struct apply_result *result)
{
	bool caller_waits = m->source == GANTRY_SOURCE_HTTP ||
			    m->source == GANTRY_SOURCE_ADMIN;
	const struct stock_decision *d = result->refusal;

	rowset_undo(&u->rows);
	if (d != NULL) {
		error_reset(&m->error);
		error_set(&m->error, d->outcome.code, "%s", d->message);
		if (d->details != NULL)
			error_details_text(&m->error, d->details, strlen(d->details));
	}
	if (caller_waits) {
		if (d != NULL && !result->quiet)
			for (size_t i = 0; i < d->n_events; i++)
				outbox_add_stock(u, m, d->events[i], false);
		outbox_add_effects(u, m, true);
	}
	if (m->resolves != 0)
		dead_letter_failed(u, m, GANTRY_REJECTED);
	if (m->source == GANTRY_SOURCE_ADMIN)
		audit_add(u, m, "rejected", m->error.code);
	message_correlate(m);
	envelope_fail(m, GANTRY_REJECTED);
	idempotency_keep(u, m);
}

static void apply_failed(struct unit *u, struct gantry_message *m)
{
	rowset_undo(&u->rows);
	if (m->resolves != 0)
		dead_letter_failed(u, m, GANTRY_FAILED);
	message_correlate(m);
	envelope_fail(m, GANTRY_FAILED);
}

static void apply_done(struct unit *u, struct gantry_message *m,
		       const struct apply_result *result)
{
	const char *state = result->refused ? "refused" : "applied";

	record_apply(u, m);
	outbox_add_effects(u, m, false);
	apply_inbox(u, m, state);
	if (!engine_compose(m)) {
		error_set(&m->error, "ROUTE_NOT_FOUND", "Nobody answered");
		apply_rejected(u, m, &(struct apply_result){ 0 });
		return;
	}
	if (m->resolves != 0)
		dead_letter_applied(u, m, state);
	if (m->source == GANTRY_SOURCE_ADMIN)
		audit_add(u, m, state, NULL);
	m->answer.outcome = state;
	if (m->source == GANTRY_SOURCE_AMQP)
		envelope_outcome(m, state);
	idempotency_keep(u, m);
}

static bool apply_seen(struct unit *u, struct gantry_message *m)
{
	struct gantry_value value = value_text(m->inbox_key);

	if (m->resolves != 0)
		return dead_letter_is_over(u, m);
	if (m->inbox_key == NULL ||
	    rowset_find(&u->rows, COMMIT_INBOX, 0, &value, 1) == NULL)
		return false;
	message_correlate(m);
	envelope_outcome(m, "duplicate");
	idempotency_keep(u, m);
	return true;
}

/* True: the message goes back to the start of its pipeline, or failed. */
static bool apply_moved(struct unit *u, struct unit_member *member)
{
	struct gantry_message *m = member->m;
	enum record_state state = record_check(u, m);

	if (state == RECORD_SAME)
		return false;
	if (state == RECORD_MOVED_ELSEWHERE && ++m->moved >= APPLY_MAX_MOVED) {
		error_reset(&m->error);
		error_depends(&m->error, GANTRY_DEPENDS_ON_STORAGE,
			      "A record that was read moved %u times", m->moved);
		apply_failed(u, m);
		return true;
	}
	member->fate = UNIT_RESTART;
	return true;
}

static void apply_effects(struct unit *u, struct gantry_message *m)
{
	struct apply_result result = { 0 };
	enum gantry_verdict verdict;

	apply_commands(u, m, &result);
	if (result.refusal != NULL) {
		apply_rejected(u, m, &result);
		return;
	}
	/* a unit that is tried again must not tell of problems twice */
	error_reset(&m->error);
	verdict = engine_settle(m);
	if (verdict == GANTRY_REJECTED)
		apply_rejected(u, m, &result);
	else if (verdict == GANTRY_FAILED)
		apply_failed(u, m);
	else
		apply_done(u, m, &result);
}

static void apply_lease(struct unit *u, struct gantry_message *m)
{
	lease_decide(u, m->lease);
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE, .status = 200 };
}

static void apply_decide(struct unit *u, struct unit_member *member)
{
	struct gantry_message *m = member->m;

	if (m->dead_letter != NULL) {
		dead_letter_store(u, m);
		return;
	}
	if (m->discards != NULL) {
		dead_letter_discard(u, m);
		return;
	}
	if (m->lease != NULL) {
		apply_lease(u, m);
		return;
	}
	if (m->note != NULL) {
		audit_note(u, m->note);
		m->answer = (struct message_answer){ .verdict = GANTRY_DONE, .status = 200 };
		return;
	}
	if (idempotency_replay(u, m) || apply_seen(u, m))
		return;
	/* what its handlers decided; its key knew no better */
	if (m->verdict == GANTRY_FAILED)
		apply_failed(u, m);
	else if (apply_moved(u, member))
		return;
	else if (m->verdict == GANTRY_REJECTED)
		apply_rejected(u, m, &(struct apply_result){ 0 });
	else
		apply_effects(u, m);
}

/* Work that makes events is not taken while too many of them wait. */
static void apply_overfull(struct unit *u, struct gantry_message *m)
{
	error_reset(&m->error);
	error_depends(&m->error, GANTRY_DEPENDS_ON_BROKER,
		      "Too many events wait for the broker");
	apply_failed(u, m);
}

void apply_message(struct unit *u, struct unit_member *member)
{
	unsigned events = u->events;

	member->fate = UNIT_ANSWER;
	rowset_mark(&u->rows);
	apply_decide(u, member);
	if (u->events != events && bounds_full(u->world->bounds))
		apply_overfull(u, member->m);
}
