/* SPDX-License-Identifier: Apache-2.0 */
/*
 * desk - where deliveries are handed over to the engine, and come back.
 *
 *	arrived -> waiting -> at the engine -> answered: acked
 *	              ^                          |-> to its next queue, then acked
 *	              '------- held -------------'
 *
 * What waits does so in the order of arrival: for the guard to open, for a
 * suspect to be through, for its own turn to be alone. Answers come on any
 * thread and are put into a list; the consumer's thread is woken by one
 * eventfd. Everything but that belongs to the consumer's thread.
 */
#ifndef AMQP_DESK_H
#define AMQP_DESK_H

#include <pthread.h>

#include "gateway/config/config.h"
#include "gateway/pipeline/engine.h"
#include "gateway/pipeline/meters.h"
#include "gateway/pipeline/queue.h"
#include "gateway/source/amqp/delivery.h"
#include "gateway/source/amqp/guard.h"
#include "gateway/source/amqp/hopper.h"
#include "gateway/source/amqp/intake.h"
#include "gateway/source/amqp/suspects.h"

struct desk {
	struct engine *engine;
	const struct graph *graph;	/* held by the consumer */
	const struct config_amqp *amqp;
	struct hopper *hopper;
	struct suspects *suspects;
	struct guard guard;
	struct metrics *metrics;
	struct delivery *waiting, **end;	/* by number */
	struct delivery *spare;		/* empty ones */
	unsigned n_waiting, n_spare, at_engine;
	uint64_t numbers;
	struct delivery *alone;		/* a suspect, and nothing else, is out */
	bool said_no_id;
	bool declare;			/* a queue is missing: for the consumer */

	pthread_mutex_t lock;		/* of answered; held for moments */
	struct queue answered;
	int wake_fd;			/* becomes readable with the first */
};

int desk_init(struct desk *h, struct engine *engine, const struct graph *graph,
		  struct gantry_error *err);
/* Nothing may be at the engine any more. */
void desk_fini(struct desk *h);

/* An empty delivery, or NULL. */
struct delivery *desk_spare(struct desk *h);
/* A whole delivery has arrived. */
void desk_take(struct desk *h, struct delivery *d);
/* Hand over what may go. True if anything was. */
bool desk_pump(struct desk *h, int64_t now_ms);
/* Deal with the answers that have come. True if there were any. */
bool desk_answers(struct desk *h, int64_t now_ms);
/* Its next queue has it: for the hopper. */
void desk_passed(void *desk, struct delivery *d);
/* What waits of an intake goes back to its queue with its channel. */
void desk_return(struct desk *h, struct intake *in);
/* Drop what the intake's generation no longer covers. */
void desk_forget_stale(struct desk *h);
/* When desk_pump() has something to do by time alone. */
int64_t desk_due_ms(const struct desk *h);

#endif
