/* SPDX-License-Identifier: Apache-2.0 */
/* event - see event.h. */
#include "gateway/pipeline/event.h"

#include <string.h>

#include "gateway/base/utf8.h"

bool event_route_fits(const struct route *route, const char *exchange,
		      const char *key)
{
	if (route->source != GANTRY_SOURCE_AMQP)
		return false;
	for (unsigned i = 0; i < route->n_bindings; i++)
		if (strcmp(route->bindings[i].exchange, exchange) == 0 &&
		    route_key_matches(route->bindings[i].key, key))
			return true;
	return false;
}

const char *event_envelope_id(const json_t *envelope)
{
	const json_t *id = json_object_get(envelope, "eventId");

	if (!json_is_string(id) ||
	    !utf8_is_id(json_string_value(id), json_string_length(id), EVENT_MAX_ID))
		return NULL;
	return json_string_value(id);
}

const char *event_envelope_correlation(const json_t *envelope)
{
	const json_t *metadata = json_object_get(envelope, "metadata");
	const char *id = json_string_value(json_object_get(metadata, "correlationId"));

	return id != NULL && message_is_correlation_id(id) ? id : NULL;
}

const char *event_inbox_key(struct arena *arena, const char *queue,
			    const char *event_id)
{
	return arena_format(arena, "%s:%s", queue, event_id);
}

/*
 * A handler finds the id among the headers, under the property's name, if the
 * envelope has none (D20); a header of that name is no such property.
 */
static void event_show_id(struct gantry_message *m, const char *id)
{
	struct message_pair *pairs;

	pairs = arena_alloc(&m->arena, (m->n_headers + 1) * sizeof(*pairs));
	pairs[0] = (struct message_pair){ "message_id", id };
	if (m->n_headers > 0)
		memcpy(pairs + 1, m->headers, m->n_headers * sizeof(*pairs));
	m->headers = pairs;
	m->n_headers++;
}

void event_fill(struct gantry_message *m, const struct route *route,
		const char *event_id, const char *routing_key)
{
	m->route = route;
	m->path = arena_text(&m->arena, routing_key);
	event_show_id(m, arena_text(&m->arena, event_id));
	if (event_id == NULL)
		return;
	m->id = arena_text(&m->arena, event_id);
	m->inbox_key = event_inbox_key(&m->arena, route->queue, event_id);
	m->causation_id = m->id;
}
