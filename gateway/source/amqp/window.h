/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window - publishes that are on their way, by the numbers that the broker
 * counts them with (1, 2, 3 ... on each channel), until it has said of each
 * whether it took it. Pure: knows no connection. One thread.
 */
#ifndef AMQP_WINDOW_H
#define AMQP_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_CAUSE 96

/* What became of a publish. */
enum window_fate { WINDOW_CONFIRMED, WINDOW_NACKED, WINDOW_RETURNED };

struct window_ops {
	/* cause: of what was returned, else "" */
	void (*settled)(void *ctx, int64_t ref, enum window_fate fate,
			const char *cause);
	void *ctx;
};

struct window;

/* At most size publishes at once, 1 or more. */
struct window *window_new(unsigned size, const struct window_ops *ops);
void window_free(struct window **window);

/* A new channel: all is forgotten, the next number is 1. */
void window_reset(struct window *w);
/* How many are on their way; and whether one more may. */
unsigned window_count(const struct window *w);
bool window_has_room(const struct window *w);
/* The number that has been on its way longest; 0: none is. */
uint64_t window_oldest(const struct window *w);

/* One more was sent; event_id lives until it is settled, or the reset. */
void window_sent(struct window *w, int64_t ref, const char *event_id);

/*
 * The broker gives one back, before it acknowledges it. False: no such one is
 * on its way.
 */
bool window_returned(struct window *w, const char *event_id, size_t len,
		     const char *cause);

/* basic.ack or basic.nack. False: it speaks of what was never sent. */
bool window_settle(struct window *w, uint64_t tag, bool multiple, bool acked);

#endif
