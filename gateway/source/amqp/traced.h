/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traced - the spans of what goes over the broker, by the conventions of
 * OpenTelemetry for messaging: a publish, a delivery, a hop to the next queue.
 *
 * A delivery is below the last of them that it went through and goes back, by a
 * link, to the one that its sender had: so the way of an event is one line
 * through all its attempts, and each of them knows where it began.
 */
#ifndef AMQP_TRACED_H
#define AMQP_TRACED_H

#include "gateway/commit/handover.h"
#include "gateway/source/amqp/delivery.h"

/* An event goes out. The traceparent that goes with it: that of its publish, in
   text, or its own if nobody looks at it. */
const char *traced_publish_begin(struct handover_event *e, struct spans *spans,
				 char text[static SPAN_TRACEPARENT]);
/* The broker has decided: failed NULL, or a word for what it said. */
void traced_publish_end(const struct handover_event *e, struct spans *spans,
			const char *failed, const char *cause);

/* A delivery was made a message. */
void traced_begin_delivery(struct delivery *d, struct spans *spans);
/* It was answered; outcome is a word for what becomes of it, or NULL. */
void traced_done(const struct delivery *d, const char *outcome);

/* It goes to the queue that d->hop says; and that has it. */
void traced_hop_begin(struct delivery *d);
void traced_hop_end(const struct delivery *d);

#endif
