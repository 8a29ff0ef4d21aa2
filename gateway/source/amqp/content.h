/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content - properties and body behind a basic.deliver, basic.return or
 * basic.get-ok, without taking the peer's word for how large it is.
 */
#ifndef AMQP_CONTENT_H
#define AMQP_CONTENT_H

#include "gateway/base/arena.h"
#include "gateway/source/amqp/broker.h"

struct content {
	const amqp_basic_properties_t *properties;
	const char *body;	/* in the arena, ended by NUL; NULL: too large */
	size_t len;
	uint64_t size;		/* as it was declared */
	amqp_pool_t pool;	/* of a large one's properties */
};

/*
 * Read what follows a method on channel. A body larger than max_body is read
 * over, not kept. Properties live until broker_release() or content_fini().
 * Copy what you need of the method before: its memory may be gone after this.
 * 0, or -1: the connection is lost.
 */
int content_read(struct broker *b, amqp_channel_t channel, size_t max_body,
		 struct arena *arena, struct content *out,
		 struct gantry_error *err);
/* Only after content_read() was successful. */
void content_fini(struct content *content);

#endif
