/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events - the stage that looks for events that have waited for long. They are in
 * the order of their making, so the first one that is young ends it. What waits is
 * the publisher's to send; this only says so.
 */
#include "pass.h"

#define EVENTS_PAGE 1000
#define EVENTS_PAGES 10

struct events {
	int64_t n, oldest_ms;
	bool ended;
};

static void events_count(struct pass *pass, struct events *e, const json_t *rows)
{
	int64_t before = gantry_now_ms(pass->m) - pass->r->unsent_after;

	for (size_t i = 0; i < json_array_size(rows) && !e->ended; i++) {
		const json_t *row = json_array_get(rows, i);
		int64_t at = json_integer_value(json_object_get(row, "createdAtMs"));

		e->ended = at > before;
		if (e->ended)
			break;
		if (e->n++ == 0)
			e->oldest_ms = at;
	}
}

static void events_tell(struct pass *pass, const struct events *e)
{
	struct drift drift = {
		.class = DRIFT_UNSENT, .said = "sent", .held_n = e->n,
		.why = gantry_format(pass->m, "%lld events wait to be published, the "
				     "oldest for %lld s", (long long)e->n,
				     (long long)(gantry_now_ms(pass->m) - e->oldest_ms) /
					     1000),
	};

	if (e->n > 0)
		pass_found(pass, &drift);
}

static void events_keep(struct pass *pass, const struct events *e)
{
	struct gantry_writer *w = gantry_writer(pass->m);

	gantry_write_object(w, NULL);
	gantry_write_int(w, "n", e->n);
	gantry_write_int(w, "oldestMs", e->oldest_ms);
	gantry_write_end(w);
	pass->next_state = gantry_written(w, &pass->next_len);
}

int events_step(struct pass *pass, struct gantry_error *err)
{
	struct events e = {
		.n = json_integer_value(json_object_get(pass->state, "n")),
		.oldest_ms = json_integer_value(json_object_get(pass->state, "oldestMs")),
	};
	bool off = reconcile_mode(pass->r, DRIFT_UNSENT) == DRIFT_OFF;

	for (int i = 0; i < EVENTS_PAGES && !off && !e.ended; i++) {
		const struct gantry_page *page = gantry_find(pass->m, &GANTRY_QUERY(
			.name = "waiting-events", .after = pass->after,
			.limit = EVENTS_PAGE), err);

		if (page == NULL)
			return -1;
		events_count(pass, &e, page->rows);
		pass->after = page->after;
		e.ended |= page->after == NULL;
	}
	if (off || e.ended) {
		events_tell(pass, &e);
		pass_enter(pass, "done");
	} else {
		events_keep(pass, &e);
	}
	return 0;
}
