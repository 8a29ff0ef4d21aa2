/* SPDX-License-Identifier: Apache-2.0 */
/* line - see line.h. */
#include "line.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_DIGITS 13		/* of milliseconds, until the year 2286 */

static bool line_read_place(struct line_place *place, const json_t *kept)
{
	*place = (struct line_place){
		.id = json_string_value(json_object_get(kept, "id")),
		.order = json_string_value(json_object_get(kept, "order")),
		.item = json_string_value(json_object_get(kept, "item")),
		.since_ms = json_integer_value(json_object_get(kept, "since")),
		.turn_ms = json_integer_value(json_object_get(kept, "turn")),
		.tries = json_integer_value(json_object_get(kept, "tries")),
		.share = json_integer_value(json_object_get(kept, "share")),
	};
	return place->id != NULL && place->order != NULL && place->item != NULL &&
	       place->since_ms > 0;
}

bool line_read(struct line *line, const json_t *kept)
{
	size_t n = json_array_size(kept);

	line->n = 0;
	if (kept == NULL)
		return true;
	if (!json_is_array(kept) || n == 0 || n > LINE_MAX_PLACES)
		return false;
	for (; line->n < n; line->n++)
		if (!line_read_place(&line->places[line->n],
				     json_array_get(kept, line->n)))
			return false;
	return true;
}

json_t *line_write(const struct line *line)
{
	json_t *kept = line->n > 0 ? json_array() : NULL;

	for (unsigned i = 0; i < line->n; i++) {
		const struct line_place *p = &line->places[i];

		json_array_append_new(kept, json_pack(
			"{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "id", p->id,
			"order", p->order, "item", p->item,
			"since", (json_int_t)p->since_ms, "turn", (json_int_t)p->turn_ms,
			"tries", (json_int_t)p->tries, "share", (json_int_t)p->share));
	}
	return kept;
}

/* The first of an order item, from a place on. */
static struct line_place *line_first(struct line *line, unsigned from,
				     const char *order, const char *item)
{
	for (unsigned i = from; i < line->n; i++)
		if (strcmp(line->places[i].item, item) == 0 &&
		    strcmp(line->places[i].order, order) == 0)
			return &line->places[i];
	return NULL;
}

bool line_has_item(const struct line *line, const char *order, const char *item)
{
	return line_first((struct line *)line, 0, order, item) != NULL;
}

struct line_place *line_find(struct line *line, const char *id)
{
	for (unsigned i = 0; i < line->n; i++)
		if (strcmp(line->places[i].id, id) == 0)
			return &line->places[i];
	return NULL;
}

struct line_place *line_join(struct line *line, const struct line_place *place)
{
	struct line_place *p = &line->places[line->n];

	assert(place->since_ms > 0 && line_find(line, place->id) == NULL);
	if (line->n == LINE_MAX_PLACES)
		return NULL;
	*p = *place;
	p->tries = 0;
	p->turn_ms = line_has_item(line, place->order, place->item) ? 0 : place->since_ms;
	line->n++;
	return p;
}

struct line_place *line_leave(struct line *line, const char *id)
{
	struct line_place *gone = line_find(line, id), *next;
	const char *order, *item;
	unsigned at;

	assert(gone != NULL && gone->turn_ms != 0);
	order = gone->order;
	item = gone->item;
	at = (unsigned)(gone - line->places);
	line->n--;
	memmove(gone, gone + 1, (line->n - at) * sizeof(*gone));
	next = line_first(line, at, order, item);
	if (next != NULL)
		next->turn_ms = next->since_ms;
	return next;
}

/* FNV-1a: the same for the same request and try, so that a run can be repeated. */
static uint32_t line_chance(const struct line_place *place)
{
	uint32_t hash = 2166136261u;

	for (const char *c = place->id; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	hash = (hash ^ (uint32_t)place->tries) * 16777619u;
	return hash ^ hash >> 15;
}

void line_delay(struct line_place *place, int64_t now_ms,
		const struct line_backoff *backoff)
{
	int64_t wait = backoff->first_ms;

	for (int64_t i = 0; i < place->tries && wait < backoff->most_ms; i++)
		wait *= 2;
	if (wait > backoff->most_ms)
		wait = backoff->most_ms;
	wait -= (int64_t)((uint64_t)line_chance(place) * (uint64_t)(wait / 2 + 1) >> 32);
	place->tries++;
	place->turn_ms = now_ms + wait;
}

const char *line_turn(const struct line_place *place, char key[static LINE_TURN])
{
	if (place->turn_ms == 0)
		return NULL;
	snprintf(key, LINE_TURN, "%0*" PRId64 ":%.*s", LINE_DIGITS, place->turn_ms,
		 LINE_TURN - LINE_DIGITS - 2, place->id);
	return key;
}

int64_t line_turn_ms(const char *key)
{
	char *end;
	long long ms = strtoll(key, &end, 10);

	return end == key + LINE_DIGITS && *end == ':' ? ms : -1;
}
