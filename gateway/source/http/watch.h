/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - absolute deadlines of connections.
 *
 * libmicrohttpd knows only inactivity, so that one byte a second holds a
 * connection for ever. Here each connection is in one phase; a phase has one
 * time limit and a list in order of entry, so that looking after deadlines
 * costs nothing per connection. Knows nothing of libmicrohttpd.
 */
#ifndef SOURCE_HTTP_WATCH_H
#define SOURCE_HTTP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum watch_phase {
	WATCH_HEAD,	/* accepted, or bytes of a next request are here */
	WATCH_BODY,
	WATCH_WAIT,	/* at the engine */
	WATCH_LATE,	/* at the engine for too long: logged once */
	WATCH_SEND,	/* the answer is on its way */
	WATCH_IDLE,	/* between requests, looked at again and again */
	WATCH_CUT,	/* shut down by us: libmicrohttpd will notice */
	WATCH_PHASES
};

struct watched {
	struct watched *next, *prev;
	enum watch_phase phase;
	int64_t since_ns;		/* in this phase */
	int64_t idle_ns;		/* end of the last answer */
};

struct watch {
	struct watched lists[WATCH_PHASES];	/* rings */
	int64_t limit_ns[WATCH_PHASES];		/* 0: none */
	unsigned count[WATCH_PHASES];
	int64_t now_ns;			/* of this turn of the loop */
};

void watch_init(struct watch *watch);
void watch_add(struct watch *watch, struct watched *w, enum watch_phase phase);
void watch_move(struct watch *watch, struct watched *w, enum watch_phase phase);
void watch_remove(struct watch *watch, struct watched *w);

/* The first whose time is up, or NULL. The caller must move or remove it. */
struct watched *watch_due(const struct watch *watch);
/* Milliseconds until one is due, rounded up; -1: never. */
int watch_wait_ms(const struct watch *watch);
/* How many connections there are. */
unsigned watch_count(const struct watch *watch);

#endif
