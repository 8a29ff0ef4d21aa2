/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events - the sockets and timers of a curl multi handle over epoll, so that a
 * turn costs what is ready and not what is open. It knows no calls.
 *
 * One thread turns it; events_wake() may be called by any.
 */
#ifndef UPSTREAM_EVENTS_H
#define UPSTREAM_EVENTS_H

#include <curl/curl.h>
#include <stdint.h>

struct events;

/* Never NULL. As many connections are kept for the next call. */
struct events *events_new(long connections);
/* All handles have left. NULL is fine. */
void events_free(struct events **events);

CURLM *events_multi(const struct events *events);

/* Each handle needs this before it joins. */
void events_prepare(struct events *events, CURL *curl);

/*
 * Say that the next turn may sleep: whoever has something to do from here on
 * wakes it. So look for what is there already after this, and before the turn.
 */
void events_doze(struct events *events);

/* Wait, at most so long, and let curl do what is to be done. */
void events_turn(struct events *events, int wait_ms);

/* The turn under way, or the next one, does not wait; it costs nothing if the
   thread is awake. */
void events_wake(struct events *events);

#endif
