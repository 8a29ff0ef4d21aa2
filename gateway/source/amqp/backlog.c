/* SPDX-License-Identifier: Apache-2.0 */
/* backlog - see backlog.h. */
#include "gateway/source/amqp/backlog.h"

#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/commit/schema.h"
#include "gateway/rows/set.h"

#define BACKLOG_PAGE 500
#define BACKLOG_BATCH 256
#define BACKLOG_PASS_MS 30000	/* between passes that nobody asked for */
#define BACKLOG_RETRY_MS 1000	/* when storage does not answer */
#define BACKLOG_LEASE_MS (COMMITTER_LEASE_MS / 3)
#define BACKLOG_STRANGER_MS 20	/* doubled while none is gone, up to: */
#define BACKLOG_STRANGER_MAX_MS 2000
/* A pass pauses while the order holds as much as this. */
#define BACKLOG_READY 4096

enum backlog_hold { BACKLOG_FREE, BACKLOG_ASKED, BACKLOG_HELD };

/* An owner whose rows we have, or want. */
struct backlog_owner {
	struct committer_lease lease;
	enum backlog_hold hold;
	int64_t next_ms;
};

struct backlog {
	struct backlog_options options;
	struct backlog_owner owners[HANDOVER_LEASES];	/* 0: ourselves */
	bool wanted, running, full;
	int64_t cursor, next_pass_ms;
	size_t rows;			/* of the page */
	int64_t next_look_ms, look_pause_ms;	/* for strangers */
	size_t strangers;		/* when looked for last */
	int64_t retry_ms;		/* storage is not asked before */
};

static void backlog_name(struct backlog_owner *owner, const char *name, size_t len)
{
	if (len >= sizeof(owner->lease.owner))
		len = sizeof(owner->lease.owner) - 1;
	memcpy(owner->lease.owner, name, len);
	owner->lease.owner[len] = '\0';
}

struct backlog *backlog_new(const struct backlog_options *options)
{
	struct backlog *b = memory_new(sizeof(*b));

	b->options = *options;
	b->wanted = true;
	b->look_pause_ms = BACKLOG_STRANGER_MS;
	backlog_name(&b->owners[0], options->replica, strlen(options->replica));
	b->owners[0].lease.how = LEASE_SEIZE;
	b->owners[0].hold = BACKLOG_ASKED;
	return b;
}

void backlog_free(struct backlog **backlog)
{
	free(*backlog);
	*backlog = NULL;
}

void backlog_lost(struct backlog *b)
{
	b->wanted = true;
}

bool backlog_is_ours(const struct backlog *b)
{
	return b->owners[0].hold == BACKLOG_HELD;
}

/* Leases. */

static int backlog_owner(const struct backlog *b, const char *name, size_t len)
{
	for (int i = 0; i < HANDOVER_LEASES; i++)
		if ((i == 0 || b->owners[i].hold != BACKLOG_FREE) &&
		    strlen(b->owners[i].lease.owner) == len &&
		    memcmp(b->owners[i].lease.owner, name, len) == 0)
			return i;
	return -1;
}

static void backlog_gained(struct backlog *b, struct backlog_owner *owner,
			   const struct committer_lease *lease)
{
	if (owner->hold == BACKLOG_ASKED) {
		b->wanted = true;
		if (owner != &b->owners[0])
			log_warning("outbox: the events of replica \"%s\", which is gone, "
				    "are published here", lease->owner);
	}
	owner->hold = BACKLOG_HELD;
	owner->lease = *lease;
	owner->lease.how = LEASE_KEEP;
}

bool backlog_lease(struct backlog *b, const struct committer_lease *lease)
{
	int i = backlog_owner(b, lease->owner, strlen(lease->owner));
	struct backlog_owner *owner;

	if (i < 0)
		return true;
	owner = &b->owners[i];
	if (lease->held) {
		backlog_gained(b, owner, lease);
		return true;
	}
	if (owner->hold == BACKLOG_HELD)
		order_forget(b->options.order, (unsigned)i);
	if (i > 0) {
		owner->hold = BACKLOG_FREE;
		return true;
	}
	/* taken over while we seemed dead: we are not */
	owner->hold = BACKLOG_ASKED;
	owner->lease.how = LEASE_SEIZE;
	owner->next_ms = 0;
	return !lease->namesake;
}

void backlog_keep(struct backlog *b, int64_t now_ms)
{
	for (unsigned i = 0; i < HANDOVER_LEASES; i++) {
		struct backlog_owner *owner = &b->owners[i];

		if (owner->hold == BACKLOG_FREE || now_ms < owner->next_ms)
			continue;
		committer_lease(b->options.committer, &owner->lease);
		owner->next_ms = now_ms + BACKLOG_LEASE_MS;
	}
}

/* Rows of somebody else: ours if he is dead. */
static void backlog_stranger(struct backlog *b, const struct gantry_value *name)
{
	for (unsigned i = 1; i < HANDOVER_LEASES; i++) {
		struct backlog_owner *owner = &b->owners[i];

		if (owner->hold != BACKLOG_FREE)
			continue;
		*owner = (struct backlog_owner){ .hold = BACKLOG_ASKED };
		backlog_name(owner, name->is.text, name->len);
		owner->lease.how = LEASE_TAKE;
		return;
	}
}

/* Rows. False: there is no room for it. */
static bool backlog_row(struct backlog *b, const struct gantry_value *values)
{
	const struct gantry_value *name = &values[OUTBOX_OWNER];
	int owner = backlog_owner(b, name->is.text, name->len);

	if (owner < 0)
		backlog_stranger(b, name);
	if (owner < 0 || b->owners[owner].hold != BACKLOG_HELD ||
	    order_knows(b->options.order, values[OUTBOX_REF].is.number))
		return true;
	return order_add(b->options.order, handover_event_new(values), (unsigned)owner);
}

static int backlog_pass_row(void *context, size_t key, const struct gantry_value *values)
{
	struct backlog *b = context;

	(void)key;
	b->rows++;
	if (!b->full && !backlog_row(b, values))
		b->full = true;
	if (!b->full)
		b->cursor = values[OUTBOX_REF].is.number;
	return 0;
}

static void backlog_failed(struct backlog *b, struct gantry_error *err, int64_t now_ms)
{
	b->retry_ms = now_ms + BACKLOG_RETRY_MS;
	error_fini(err);
}

/* True: there is another page. */
static bool backlog_page(struct backlog *b, int64_t now_ms)
{
	struct gantry_value from = value_number(b->cursor);
	struct gantry_sink sink = { backlog_pass_row, b };
	struct gantry_range range = { .size = sizeof(range), .table = COMMIT_OUTBOX,
				      .index = GANTRY_BY_REF, .from = &from,
				      .n_from = 1, .from_after = true,
				      .limit = BACKLOG_PAGE };
	struct gantry_error err = ERROR_INIT;

	b->rows = 0;
	b->full = false;
	if (b->options.storage->scan(b->options.storage_self, &range, &sink, &err) !=
	    GANTRY_STORED) {
		backlog_failed(b, &err, now_ms);
		return false;
	}
	if (b->full)
		return false;
	b->running = b->rows == BACKLOG_PAGE;
	b->next_pass_ms = now_ms + BACKLOG_PASS_MS;
	return b->running;
}

static bool backlog_has_room(const struct backlog *b)
{
	struct order_counts counts = order_counts(b->options.order);

	return counts.ready + counts.missing + counts.sent <= BACKLOG_READY &&
	       counts.entries + 2 * BACKLOG_PAGE <= b->options.entries;
}

static bool backlog_pass(struct backlog *b, int64_t now_ms)
{
	if (!b->running && !b->wanted && now_ms < b->next_pass_ms)
		return false;
	if (!backlog_has_room(b))
		return false;
	if (!b->running) {
		b->running = true;
		b->wanted = false;
		b->cursor = 0;
	}
	return backlog_page(b, now_ms);
}

struct backlog_read {
	struct backlog *backlog;
	bool there[BACKLOG_BATCH];
	bool strangers;
};

static int backlog_read_row(void *context, size_t key, const struct gantry_value *values)
{
	struct backlog_read *read = context;

	if (read->there[key])
		return 0;
	read->there[key] = true;
	if (!read->strangers)
		order_found(read->backlog->options.order, handover_event_new(values));
	else if (!backlog_row(read->backlog, values))
		read->backlog->wanted = true;
	return 0;
}

/* How many were not there; what is, is in the order. -1: storage is silent. */
static int backlog_read(struct backlog *b, const int64_t *refs, size_t n,
			bool strangers, int64_t now_ms)
{
	struct gantry_value values[BACKLOG_BATCH];
	struct gantry_key keys[BACKLOG_BATCH];
	const struct gantry_key *pointers[BACKLOG_BATCH] = { 0 };
	struct backlog_read read = { .backlog = b, .strangers = strangers };
	struct gantry_sink sink = { backlog_read_row, &read };
	struct gantry_error err = ERROR_INIT;
	int absent = 0;

	for (size_t i = 0; i < n; i++) {
		values[i] = value_number(refs[i]);
		keys[i] = (struct gantry_key){ .size = sizeof(keys[i]),
					       .table = COMMIT_OUTBOX,
					       .index = GANTRY_BY_REF, .n = 1,
					       .values = &values[i] };
		pointers[i] = &keys[i];
	}
	if (b->options.storage->read(b->options.storage_self, pointers, n, &sink,
				     &err) != GANTRY_STORED) {
		backlog_failed(b, &err, now_ms);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		if (!read.there[i]) {
			order_absent(b->options.order, refs[i]);
			absent++;
		}
	return absent;
}

static bool backlog_missing(struct backlog *b, int64_t now_ms)
{
	struct order_counts counts = order_counts(b->options.order);
	int64_t refs[BACKLOG_BATCH];
	size_t n;

	if (counts.missing == 0 || counts.ready + counts.sent > BACKLOG_READY)
		return false;
	n = order_missing(b->options.order, refs, BACKLOG_BATCH);
	return backlog_read(b, refs, n, false, now_ms) >= 0 && counts.missing > n;
}

static void backlog_look(struct backlog *b, int64_t now_ms)
{
	struct order_counts counts = order_counts(b->options.order);
	int64_t refs[BACKLOG_BATCH];
	size_t n;

	if (counts.strangers > b->strangers) {
		b->look_pause_ms = BACKLOG_STRANGER_MS;
		b->next_look_ms = 0;
	}
	if (counts.strangers == 0 || now_ms < b->next_look_ms)
		return;
	n = order_strangers(b->options.order, refs, BACKLOG_BATCH);
	if (backlog_read(b, refs, n, true, now_ms) > 0)
		b->look_pause_ms = BACKLOG_STRANGER_MS;
	else if (b->look_pause_ms < BACKLOG_STRANGER_MAX_MS)
		b->look_pause_ms *= 2;
	b->next_look_ms = now_ms + b->look_pause_ms;
	b->strangers = order_counts(b->options.order).strangers;
}

bool backlog_step(struct backlog *b, int64_t now_ms)
{
	bool more;

	if (now_ms < b->retry_ms || !backlog_is_ours(b))
		return false;
	more = backlog_missing(b, now_ms);
	backlog_look(b, now_ms);
	return backlog_pass(b, now_ms) || more;
}

static int64_t backlog_pass_due_ms(const struct backlog *b)
{
	int64_t due = b->next_pass_ms;

	if (!backlog_is_ours(b))
		return INT64_MAX;
	if (b->running || b->wanted)
		due = backlog_has_room(b) ? 0 : INT64_MAX;
	if (order_counts(b->options.order).strangers > 0 && b->next_look_ms < due)
		due = b->next_look_ms;
	return due < b->retry_ms ? b->retry_ms : due;
}

int64_t backlog_due_ms(const struct backlog *b, bool broker)
{
	int64_t due = broker ? backlog_pass_due_ms(b) : INT64_MAX;

	for (unsigned i = 0; i < HANDOVER_LEASES; i++)
		if (b->owners[i].hold != BACKLOG_FREE && b->owners[i].next_ms < due)
			due = b->owners[i].next_ms;
	return due;
}
