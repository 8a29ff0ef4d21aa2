/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event - what an event's message is filled in with, however it came in: by
 * POST /events/... (inject.h) or from the broker (D14, D20).
 */
#ifndef PIPELINE_EVENT_H
#define PIPELINE_EVENT_H

#include "gateway/pipeline/message.h"

#define EVENT_MAX_ID 128

/* Whether an amqp route has a binding that fits. */
bool event_route_fits(const struct route *route, const char *exchange,
		      const char *key);

/* The envelope's eventId if it is one that can be kept, else NULL. */
const char *event_envelope_id(const json_t *envelope);
/* The envelope's metadata.correlationId if it is one, else NULL. */
const char *event_envelope_correlation(const json_t *envelope);

/*
 * Make m, which is empty, an event of the route's queue: id, causation and
 * inbox key by event_id (NULL: it has none, and no inbox row), path by the
 * routing key. Texts are copied.
 */
void event_fill(struct gantry_message *m, const struct route *route,
		const char *event_id, const char *routing_key);
/* The key that the inbox knows an event by, in arena. */
const char *event_inbox_key(struct arena *arena, const char *queue,
			    const char *event_id);

#endif
