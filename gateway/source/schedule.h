/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule - brings timer ticks in: each route with every_ms gets a message
 * per interval, from one replica of all, and never two at once.
 *
 * Before a tick its lease is asked for, "schedule:" with the route's interval
 * and pipeline, which lasts for the interval (longer where storage takes half of it
 * to answer) from the moment of asking; whoever has it keeps it while the tick takes
 * longer. When its holder is gone, another replica has the next interval, a
 * second late at most.
 *
 * The first tick comes at a random moment of the interval (of 10 s at most)
 * if none is due later. An answer with `again` ticks at once, 32 times in a
 * row, then after a pause. A failed tick comes again after 1 s (or the
 * interval, if shorter), doubled with each failure up to 5 minutes. A tick
 * that takes longer than its interval skips the ticks that it missed.
 */
#ifndef SOURCE_SCHEDULE_H
#define SOURCE_SCHEDULE_H

struct engine;
struct gantry_error;
struct graph;
struct schedule;

/*
 * Start the thread. 0, or -1 with err. graph, which the caller holds, is held
 * (current.h) until the next one, or the end. Main thread.
 */
int schedule_start(struct engine *engine, const struct graph *graph,
		   struct schedule **schedule_out, struct gantry_error *err);

/*
 * The routes of this graph from now on. A tick with the same interval and
 * pipeline stays where it is; one that has no route any more ends when it is
 * through. Never blocks. Main thread.
 */
void schedule_change(struct schedule *schedule, const struct graph *graph);

/* No further tick, without waiting for those at the engine. Main thread. */
void schedule_stop(struct schedule *schedule);
/* Waits for those at the engine, as long as that takes. Main thread. */
void schedule_free(struct schedule **schedule);

#endif
