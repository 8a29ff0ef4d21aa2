/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hopper - publishes deliveries to their next queue, and says when the broker
 * has them: only then is the original acked (D21).
 *
 * It has a connection of its own, opened when there is something to publish:
 * under a memory alarm the broker stops reading a connection that publishes,
 * acks and all, and consuming must go on for the alarm to end. What cannot be
 * published waits here and is tried again, one at a time, while others flow.
 * Belongs to the thread of the consumer.
 */
#ifndef AMQP_HOPPER_H
#define AMQP_HOPPER_H

#include "gateway/source/amqp/broker.h"
#include "gateway/source/amqp/delivery.h"

struct hopper;

struct hopper_options {
	struct broker *broker;		/* with confirms; the hopper's from now on */
	unsigned window;		/* not yet confirmed */
	/* The broker has it; it is the caller's again. */
	void (*done)(void *ctx, struct delivery *d);
	/* Something is wrong with the queues: look whether they are there. */
	void (*unroutable)(void *ctx);
	void *ctx;
};

struct hopper *hopper_new(const struct hopper_options *options);
/* What is in it is given to done_with, neither acked nor lost. */
void hopper_free(struct hopper **hopper, void (*done_with)(void *ctx, struct delivery *d));

/* Takes the delivery, whose hop is set. */
void hopper_add(struct hopper *h, struct delivery *d);
/* Publish what can be, read what came. True if anything happened. */
bool hopper_turn(struct hopper *h, int64_t now_ms);
/* Deliveries in it. */
unsigned hopper_held(const struct hopper *h);
/* To poll; -1: nothing. */
int hopper_fd(const struct hopper *h);
/* When hopper_turn() has something to do by time alone. */
int64_t hopper_due_ms(const struct hopper *h, int64_t now_ms);

#endif
