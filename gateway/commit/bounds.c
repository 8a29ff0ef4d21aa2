/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounds - how many events wait in the outbox, how old the oldest is, and what
 * follows when that is too much (DESIGN.md 5).
 *
 * What is there at the start is counted page by page beside the work, a tenth of
 * the time at most; from then on units tell what they add and take. As other
 * replicas add and take too, it is counted again now and then: a small outbox
 * often, a large one seldom.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/commit/unit.h"

#define BOUNDS_PAGE 1000
#define BOUNDS_AGAIN 200		/* rows that are counted again */
#define BOUNDS_AGAIN_MS 10000
#define BOUNDS_WHOLE_MS 600000		/* if there are more */
#define BOUNDS_REST 9			/* after a page of them, so many times as long */
#define BOUNDS_OLDEST_MS 500
#define BOUNDS_DROP 512
#define BOUNDS_LOG_MS 60000
/* warn from 80 % of a bound */
#define BOUNDS_NEAR(bound) ((bound) / 5 * 4)

struct bounds {
	_Atomic int64_t max_rows, max_age_ms;
	bool publishes;
	_Atomic int64_t rows, oldest_ms, now_ms;
	_Atomic int64_t fresh;		/* rows, by the count at hand */
	_Atomic bool counted;		/* all of it, once */
	_Atomic int64_t counted_to;	/* refs from here to new_from are not
					   counted yet; INT64_MAX: all are */
	_Atomic int64_t new_from;	/* INT64_MAX: counting has not begun */
	_Atomic uint64_t dropped;
	_Atomic bool away;		/* the broker, as far as is known */
	/* the first lane's */
	int64_t next_oldest_ms, next_again_ms, next_log_ms;	/* steady */
	int64_t next_whole_ms, next_page_ns;
	int64_t doomed[BOUNDS_DROP];
	unsigned n_doomed;
	uint64_t told;			/* of dropped, in the log */
	bool marked;
};

void bounds_set(struct bounds *b, int64_t max_rows, int64_t max_age_ms)
{
	atomic_store(&b->max_rows, max_rows);
	atomic_store(&b->max_age_ms, max_age_ms);
}

struct bounds *bounds_new(const struct committer_options *options)
{
	struct bounds *b = memory_new(sizeof(*b));

	bounds_set(b, options->outbox_max_rows, options->outbox_max_age_ms);
	b->publishes = options->publishes;
	atomic_store(&b->away, true);
	atomic_store(&b->new_from, INT64_MAX);
	return b;
}

void bounds_free(struct bounds **bounds)
{
	free(*bounds);
	*bounds = NULL;
}

static int64_t bounds_steady_ms(void)
{
	return clock_steady_ns() / 1000000;
}

/* Whether a row that goes was counted before. */
static bool bounds_knows(struct bounds *b, int64_t ref)
{
	return ref <= atomic_load(&b->counted_to) || ref >= atomic_load(&b->new_from);
}

void bounds_count(struct unit *u)
{
	struct bounds *b = u->world->bounds;
	int64_t added = 0, taken = 0, known = 0;

	for (const struct row *row = rowset_rows(&u->rows, COMMIT_OUTBOX); row != NULL;
	     row = row->next) {
		if (row->state == ROW_NEW) {
			added++;
		} else if (row->state == ROW_GONE) {
			taken++;
			known += bounds_knows(b, row_number(row, OUTBOX_REF));
		}
	}
	atomic_fetch_add(&b->fresh, added - known);
	atomic_fetch_add(&b->rows, added - (atomic_load(&b->counted) ? taken : known));
	if (u->retention != NULL)
		atomic_fetch_add(&b->dropped, b->n_doomed);
}

struct bounds_scan {
	struct bounds *bounds;
	size_t n;
	int64_t last_ref, oldest_ms;
	int64_t excess, before_ms;	/* doomed: so many, and what is older */
};

static int bounds_row(void *context, size_t key, const struct gantry_value *values)
{
	struct bounds_scan *scan = context;
	int64_t created_ms = values[OUTBOX_CREATED_AT].is.number;

	(void)key;
	if (scan->n == 0)
		scan->oldest_ms = created_ms;
	scan->last_ref = values[OUTBOX_REF].is.number;
	if ((int64_t)scan->n < scan->excess || created_ms < scan->before_ms)
		scan->bounds->doomed[scan->bounds->n_doomed++] = scan->last_ref;
	scan->n++;
	return 0;
}

/* Rows behind a ref, up to another one. False: storage does not say. */
static bool bounds_page(struct unit *u, int64_t after, int64_t to, size_t limit,
			struct bounds_scan *scan)
{
	struct gantry_value from = value_number(after), last = value_number(to);
	struct gantry_sink sink = { bounds_row, scan };
	struct gantry_range range = { .size = sizeof(range),
				      .table = COMMIT_OUTBOX,
				      .index = GANTRY_BY_REF,
				      .from = &from, .n_from = 1,
				      .from_after = true,
				      .to = &last, .n_to = 1, .limit = limit };
	struct gantry_error err = ERROR_INIT;
	bool done = u->world->storage->scan(u->world->storage_self, &range, &sink,
					    &err) == GANTRY_STORED;

	error_fini(&err);
	return done;
}

static void bounds_count_end(struct bounds *b)
{
	atomic_store(&b->counted_to, INT64_MAX);
	atomic_store(&b->counted, true);
	atomic_store(&b->rows, atomic_load(&b->fresh));
	b->next_whole_ms = bounds_steady_ms() + BOUNDS_WHOLE_MS;
}

/* One page of what was there when the count began. */
static void bounds_count_page(struct unit *u, struct bounds *b)
{
	struct bounds_scan scan = { .bounds = b };
	int64_t counted = atomic_load(&b->counted_to), began_ns;
	bool there;

	if (counted == INT64_MAX)
		return;
	began_ns = clock_steady_ns();
	if (began_ns < b->next_page_ns)
		return;
	if (atomic_load(&b->new_from) == INT64_MAX) {
		atomic_store(&b->new_from, ids_ref(&u->world->refs,
						   atomic_load(&b->now_ms)));
		atomic_store(&b->fresh, 0);
	}
	there = bounds_page(u, counted, atomic_load(&b->new_from) - 1, BOUNDS_PAGE, &scan);
	b->next_page_ns = clock_steady_ns();
	b->next_page_ns += BOUNDS_REST * (b->next_page_ns - began_ns);
	if (!there)
		return;
	atomic_fetch_add(&b->fresh, (int64_t)scan.n);
	if (scan.n < BOUNDS_PAGE) {
		bounds_count_end(b);
		return;
	}
	atomic_store(&b->counted_to, scan.last_ref);
	/* the first count shows how far it is */
	if (!atomic_load(&b->counted))
		atomic_store(&b->rows, atomic_load(&b->fresh));
}

static void bounds_count_again(struct bounds *b)
{
	atomic_store(&b->new_from, INT64_MAX);
	atomic_store(&b->counted_to, 0);
}

/* The oldest, and all again if there are few. */
static void bounds_look_at_oldest(struct unit *u, struct bounds *b, int64_t now)
{
	struct bounds_scan scan = { .bounds = b };
	bool again = now >= b->next_again_ms &&
		     atomic_load(&b->counted_to) == INT64_MAX &&
		     atomic_load(&b->rows) <= BOUNDS_AGAIN;

	b->next_oldest_ms = now + BOUNDS_OLDEST_MS;
	if (!again && atomic_load(&b->rows) == 0) {
		atomic_store(&b->oldest_ms, 0);
		return;
	}
	if (!bounds_page(u, 0, INT64_MAX, again ? BOUNDS_AGAIN + 1 : 1, &scan))
		return;
	atomic_store(&b->oldest_ms, scan.oldest_ms);
	if (!again)
		return;
	b->next_again_ms = now + BOUNDS_AGAIN_MS;
	if (scan.n <= BOUNDS_AGAIN)
		atomic_store(&b->rows, (int64_t)scan.n);
	else
		bounds_count_again(b);
}

static int64_t bounds_age_ms(const struct bounds *b)
{
	int64_t oldest = atomic_load(&b->oldest_ms), now = atomic_load(&b->now_ms);

	return oldest == 0 || now < oldest ? 0 : now - oldest;
}

static bool bounds_is_past(const struct bounds *b)
{
	return atomic_load(&b->rows) > b->max_rows || bounds_age_ms(b) > b->max_age_ms;
}

static void bounds_doom(struct unit *u, struct bounds *b)
{
	struct bounds_scan scan = { .bounds = b };

	scan.excess = atomic_load(&b->rows) - b->max_rows;
	scan.before_ms = atomic_load(&b->now_ms) - b->max_age_ms;
	b->n_doomed = 0;
	if (!bounds_page(u, 0, INT64_MAX, BOUNDS_DROP, &scan))
		b->n_doomed = 0;
}

static void bounds_tell(struct bounds *b, int64_t now)
{
	uint64_t dropped = atomic_load(&b->dropped);

	if (dropped == b->told || now < b->next_log_ms)
		return;
	log_warning("outbox: %llu events were dropped: without amqp they wait for nobody, "
		    "and the outbox is bounded",
		    (unsigned long long)(dropped - b->told));
	b->told = dropped;
	b->next_log_ms = now + BOUNDS_LOG_MS;
}

bool bounds_look(struct unit *u)
{
	struct bounds *b = u->world->bounds;
	int64_t now = bounds_steady_ms();

	if (u->now_ms == 0)
		return false;
	/* an idle lane sees no other clock */
	atomic_store(&b->now_ms, u->ahead_ms + now);
	bounds_count_page(u, b);
	if (now >= b->next_oldest_ms)
		bounds_look_at_oldest(u, b, now);
	if (!bounds_is_counting(b) && now >= b->next_whole_ms &&
	    atomic_load(&b->rows) > BOUNDS_AGAIN)
		bounds_count_again(b);
	bounds_tell(b, now);
	return !b->publishes && bounds_is_past(b);
}

/*
 * A lease on our own rows says that events may be gone, as it does when they
 * were published: it must be there before the first one is.
 */
static bool bounds_is_marked(struct unit *u, struct bounds *b)
{
	struct committer_lease wish = { .how = LEASE_SEIZE };

	if (b->marked)
		return published_due_ns(u->published) == 0;
	snprintf(wish.owner, sizeof(wish.owner), "%s", u->world->options.owner);
	b->marked = true;
	published_add_lease(u->published, &wish);
	return false;
}

void bounds_drop(struct unit *u)
{
	struct bounds *b = u->world->bounds;

	b->n_doomed = 0;
	if (!bounds_look(u) || !bounds_is_marked(u, b))
		return;
	bounds_doom(u, b);
	rowset_mark(&u->rows);
	for (unsigned i = 0; i < b->n_doomed; i++)
		rowset_drop(&u->rows, COMMIT_OUTBOX, b->doomed[i]);
}

bool bounds_is_counting(const struct bounds *b)
{
	return atomic_load(&b->counted_to) != INT64_MAX;
}

bool bounds_full(const struct bounds *b)
{
	if (!b->publishes)
		return false;
	return atomic_load(&b->rows) > b->max_rows ||
	       (atomic_load(&b->away) && bounds_age_ms(b) > b->max_age_ms);
}

struct committer_outbox bounds_outbox(const struct bounds *b)
{
	struct committer_outbox o = {
		.rows = atomic_load(&b->rows),
		.oldest_ms = atomic_load(&b->oldest_ms),
		.dropped = atomic_load(&b->dropped),
		.full = bounds_full(b),
	};

	if (o.rows < 0)
		o.rows = 0;
	o.warn = b->publishes && (o.rows > BOUNDS_NEAR(b->max_rows) ||
				  bounds_age_ms(b) > BOUNDS_NEAR(b->max_age_ms));
	return o;
}

void bounds_broker(struct bounds *b, bool there)
{
	atomic_store(&b->away, !there);
}
