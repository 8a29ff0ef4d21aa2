/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_world - engine and committer over the storage "memory", with a
 * storage between them that can be held, can fail as it is told to and has a
 * clock that can be moved. Each message brings its own handler.
 */
#ifndef TESTS_COMMIT_WORLD_H
#define TESTS_COMMIT_WORLD_H

#include <pthread.h>

#include "gateway/commit/committer.h"
#include "gateway/commit/schema.h"
#include "gateway/rows/set.h"
#include "gateway/stock/query.h"
#include "tests/plugins/store.h"
#include "tests/unit/locks.h"

#define WORLD_ROUTES 8
#define WORLD_STEPS 3

enum world_call { WORLD_BEGIN, WORLD_LOAD, WORLD_STORE, WORLD_COMMIT, WORLD_READ, WORLD_CALLS };

/* The next n calls of this kind answer so; n < 0: until it is taken back. */
struct world_fault {
	enum gantry_stored stored;
	int n;
};

struct shot;
typedef enum gantry_verdict shot_handler(struct shot *s, struct gantry_message *m,
					 struct gantry_error *err);

/* A message on its way, and what its handlers do. */
struct shot {
	struct gantry_message m;
	struct world *world;
	shot_handler *handle[WORLD_STEPS];
	shot_handler *settle[WORLD_STEPS];
	const char *text;		/* for the handlers */
	int64_t number;
	unsigned runs, settled;		/* calls of handle and settle */
	bool done;
	unsigned place;			/* how many were answered before */
};

struct world {
	struct store store;
	const struct gantry_storage *inner;
	void *inner_self, *memory;
	struct gantry_storage storage;	/* self is the world */
	struct committer *committer;
	struct engine *engine;
	struct graph graph;
	struct gantry_plugin plugins[3];	/* by enum gantry_threads */
	struct gantry_instance instances[3];
	struct gantry_handler handlers[WORLD_STEPS];
	struct route_step steps[3][WORLD_STEPS];
	struct route routes[WORLD_ROUTES], *route_list[WORLD_ROUTES];

	unsigned lanes;
	struct locks *locks;		/* between, with several */
	pthread_mutex_t open_unit;	/* with one: of several committers */
	struct world_unit {
		struct world *world;
		unsigned lane;
		void *inner;
	} units[LOCKS_LANES];

	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t moved;
	struct world_fault faults[WORLD_CALLS];
	const char *refused;		/* a row that holds this text */
	bool holding, held;		/* commits wait; one does */
	unsigned hold_lane;		/* 1 + the only one that does; 0: any */
	unsigned held_lane;		/* the newest that did */
	unsigned scan_ms;		/* that a scan takes at least */
	int64_t ahead_ms;		/* of the storage's clock */
	int64_t fixed_ms;		/* not 0: what that clock says */
	unsigned answered;
	unsigned handed;		/* messages that the committer took */
	unsigned chance;		/* of 1000: a call fails at random */
	uint64_t seed;
};

void world_open(struct world *w, const struct committer_options *options);
/* With several lanes, whose units run side by side. */
void world_open_lanes(struct world *w, const struct committer_options *options,
		      unsigned lanes);
/* Over another storage than "memory"; its options live as long as the world. */
void world_open_store(struct world *w, const struct committer_options *options,
		      unsigned lanes, const struct store *store);
void world_close(struct world *w);

/* Zero, and a POST with this handler that is INLINE, SERIAL or PARALLEL. */
void shot_init(struct world *w, struct shot *s, enum gantry_threads threads,
	       shot_handler *handle);
/* An event of the queue "test" instead. */
void shot_is_event(struct shot *s, const char *event_id);
void shot_fire(struct shot *s);
void shot_wait(struct shot *s);
void shot_run(struct shot *s);		/* both */
/* All of them; the message's memory is freed. */
void shot_fini(struct shot *s);
const char *shot_header(const struct shot *s, const char *name);

/*
 * Hold the lane in a commit that does nothing. What is fired until the release
 * is the next unit.
 */
void world_hold(struct world *w, struct shot *plug);
void world_release(struct world *w, struct shot *plug);
/* Wait until the committer has taken n messages since the world was opened. */
void world_wait_handed(struct world *w, unsigned n);
void world_fail(struct world *w, enum world_call call, enum gantry_stored stored,
		int n);

/* Rows as an array of objects, to be freed. */
json_t *world_rows(struct world *w, unsigned table);
size_t world_count(struct world *w, unsigned table);
/* How many rows have this text in this column. */
size_t world_count_text(struct world *w, unsigned table, const char *column,
			const char *text);
/* The storage's clock goes ahead. */
void world_pass(struct world *w, int64_t ms);
struct query_store world_query_store(struct world *w);
/* Change rows behind the committer, in a unit of its own; no unit is open. */
void world_change(struct world *w, const struct gantry_change *change);

/* Items with stock, through the committer. */
void world_item(struct world *w, const char *id, int64_t available);

/* Handlers that many tests want. */
shot_handler shot_reject, shot_publish, shot_allocate;

#endif
