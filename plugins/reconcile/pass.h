/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass - how far a pass over everything has come, and what it has found so far.
 * It goes through the stages orders, counters and events in bounded steps, one a
 * message; between them it is a cursor, an object that whoever drives the pass
 * keeps: the command line carries it from answer to request, the schedule has it
 * in a record.
 */
#ifndef RECONCILE_PASS_H
#define RECONCILE_PASS_H

#include <gantry/write.h>

#include "reconcile.h"

struct pass {
	const struct reconcile *r;
	struct gantry_message *m;
	bool applies;			/* stage what is to be mended by itself */
	const char *run;		/* its id */
	const char *stage, *after;	/* the next page of the stage */
	const json_t *state;		/* the stage's own, as the cursor has it */
	const char *next_state;		/* as the next one shall; NULL: none */
	size_t next_len;
	int64_t started_ms, looked, known, spared, skipped, staged;
	int64_t found[DRIFT_CLASSES];
	int64_t n_sample;		/* drifts kept for the report */
	int64_t n_staged;		/* commands of this message */
	struct gantry_writer *sample, *drifts;	/* arrays, open */
	bool failed;			/* a command could not be staged: err */
	struct gantry_error *err;
};

/* Go on where cursor says; NULL: from the start. */
void pass_begin(struct pass *pass, const struct reconcile *r, struct gantry_message *m,
		const json_t *cursor, struct gantry_error *err);

/* A compare_found: count it, list it, stage it if it is to be mended now. */
void pass_found(void *pass, const struct drift *drift);

bool pass_is_at(const struct pass *pass, const char *stage);
/* The next stage begins with the next message. */
void pass_enter(struct pass *pass, const char *stage);

/* Close the lists; once, behind the last drift. The drifts of this step. */
const char *pass_end(struct pass *pass, size_t *len_out);
/* After pass_end(): the cursor, and the run as it is kept. */
const char *pass_cursor(struct pass *pass, size_t *len_out);
const char *pass_summary(struct pass *pass, const char *kind, size_t *len_out);

/*
 * The stages, one step each: 0, or -1 if an answer is awaited (gantry_asking) or
 * on error.
 */
int orders_step(struct pass *pass, struct gantry_error *err);
int orders_given(struct pass *pass, const json_t *ids, struct gantry_error *err);
int counters_step(struct pass *pass, struct gantry_error *err);
int events_step(struct pass *pass, struct gantry_error *err);

#endif
