/* SPDX-License-Identifier: Apache-2.0 */
/* kept - see kept.h. */
#include "kept.h"

#include <string.h>

#define KEPT_LEAST_SHARE 100	/* or an uneven one would be full too soon */

int kept_get(struct gantry_message *m, const char *space, const char *key,
	     const json_t **value_out, struct gantry_error *err)
{
	*value_out = gantry_record_get(m, space, key, err);
	return gantry_asking(m) || gantry_failed(err) ? -1 : 0;
}

int kept_line(struct gantry_message *m, const char *order_id, struct line *line_out,
	      struct gantry_error *err)
{
	const json_t *value;

	if (kept_get(m, KEPT_ORDER, order_id, &value, err) < 0)
		return -1;
	if (!line_read(line_out, value))
		return gantry_fail(err, "the line of an order cannot be read");
	return 0;
}

int kept_put_line(struct gantry_message *m, const char *order_id,
		  const struct line *line, struct gantry_error *err)
{
	json_t *value = line_write(line);
	int done = gantry_record_put(m, KEPT_ORDER, order_id, value, err);

	json_decref(value);
	return done;
}

int kept_put_turn(struct gantry_message *m, const char *order_id,
		  const struct line_place *place, struct gantry_error *err)
{
	char key[LINE_TURN];
	json_t *value;
	int done;

	if (line_turn(place, key) == NULL)
		return 0;
	value = json_pack("{s:s, s:s, s:I}", "id", place->id, "order", order_id,
			  "share", (json_int_t)place->share);
	done = gantry_record_put(m, KEPT_TURN, key, value, err);
	json_decref(value);
	return done;
}

int kept_put_share(struct gantry_message *m, int64_t share, int64_t n,
		   struct gantry_error *err)
{
	json_t *value = n > 0 ? json_integer(n) : NULL;
	int done = gantry_record_put(m, KEPT_SHARE, kept_share_key(m, share), value, err);

	json_decref(value);
	return done;
}

static int64_t kept_shares(const struct optimistic *o)
{
	int64_t n = o->max_waiting / KEPT_LEAST_SHARE;

	return n < 1 ? 1 : n > KEPT_MAX_SHARES ? KEPT_MAX_SHARES : n;
}

int64_t kept_share(const struct optimistic *o, const char *order_id)
{
	uint32_t hash = 2166136261u;

	for (; *order_id != '\0'; order_id++)
		hash = (hash ^ (unsigned char)*order_id) * 16777619u;
	hash ^= hash >> 15;
	return (int64_t)(hash % (uint32_t)kept_shares(o));
}

int64_t kept_share_size(const struct optimistic *o)
{
	return o->max_waiting / kept_shares(o);
}

const char *kept_share_key(struct gantry_message *m, int64_t share)
{
	return gantry_format(m, "%lld", (long long)share);
}
