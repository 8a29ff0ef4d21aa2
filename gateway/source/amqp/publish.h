/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish - one event onto the wire with the properties of D15, and what the
 * broker says of it back into the window. Decides nothing.
 */
#ifndef AMQP_PUBLISH_H
#define AMQP_PUBLISH_H

#include "gateway/commit/handover.h"
#include "gateway/source/amqp/broker.h"
#include "gateway/source/amqp/window.h"

struct publish {
	struct broker *broker;
	struct window *window;
	const char *app_id;
	struct spans *spans;		/* NULL: tracing is off */
	/* a basic.return whose message is still coming in */
	bool returning;
	uint64_t body_left;
	char cause[WINDOW_CAUSE];
};

/* 0, -1 the connection is lost, or 1: this event is none that can be sent. */
int publish_send(struct publish *p, struct handover_event *event,
		 struct gantry_error *err);

/*
 * A frame of the first channel. 0; 1: the broker closed the channel, with err
 * and *code_out; -1: it breaks the protocol.
 */
int publish_frame(struct publish *p, const amqp_frame_t *frame,
		  unsigned *code_out, struct gantry_error *err);

/* The first channel anew, with confirms; the window is empty then. 0 or -1. */
int publish_reopen(struct publish *p, struct gantry_error *err);

#endif
