/* SPDX-License-Identifier: Apache-2.0 */
/*
 * current - which graph messages start on now, and who still needs an older
 * one.
 *
 * Whoever makes a message takes the graph of the moment; the message holds it
 * until it is cleared (message_clear()), so that it ends on the graph that it
 * started on, whatever is reloaded meanwhile. Taking and releasing is an atomic
 * addition each. A graph that was replaced and is held by nobody comes back to
 * the main thread, which closes it.
 */
#ifndef PIPELINE_CURRENT_H
#define PIPELINE_CURRENT_H

#include <stdbool.h>

struct current;
struct graph;

/* Graphs that may be in use at once: the one of now, and those before it that
   messages are still on. */
#define CURRENT_GRAPHS 16

/* NULL if the system has no eventfd. Main thread. */
struct current *current_new(void);
/* All graphs must have come back. NULL is fine. Main thread. */
void current_free(struct current **current);

/* Whether current_set() may be called. Main thread. */
bool current_has_room(const struct current *current);
/* From now on messages start on this graph. It comes back by current_drained(),
   also the last one (current_end()). Main thread. */
void current_set(struct current *current, struct graph *graph);
/* No message starts any more. Main thread. */
void current_end(struct current *current);

/*
 * A graph that was replaced and that nobody holds any more: it is the caller's
 * again. NULL: there is none. Main thread.
 */
struct graph *current_drained(struct current *current);
/* An eventfd that becomes readable when current_drained() may have one. */
int current_fd(const struct current *current);

/* The graphs in use, the newest first; *n_out of them, at most CURRENT_GRAPHS.
   Main thread. */
void current_list(const struct current *current, struct graph **out, unsigned *n_out);

/*
 * The graph of now, held until current_release(). NULL only after
 * current_end(). Any thread; never blocks.
 */
const struct graph *current_take(struct current *current);
/* One that is held already, once more. One that no current has is as good. */
const struct graph *current_hold(const struct graph *graph);
/* NULL is fine. Any thread; never blocks. */
void current_release(const struct graph *graph);

#endif
