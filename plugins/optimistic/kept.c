/* SPDX-License-Identifier: Apache-2.0 */
/* kept - see kept.h. */
#include "kept.h"

#include <inttypes.h>
#include <string.h>

#define KEPT_LEAST_SHARE 100	/* or an uneven one would be full too soon */
#define KEPT_PAGE 1000
#define KEPT_MAX_PAGES 12	/* each is a run of the handler, of 16 */
#define KEPT_BASIS UINT64_C(14695981039346656037)

/* FNV-1a, the NUL included, so that two texts are not one longer one. */
static uint64_t kept_hash(uint64_t hash, const char *text)
{
	do {
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	} while (*text++ != '\0');
	return hash;
}

const char *kept_line_key(struct gantry_message *m, const char *order_id,
			  const char *order_item_id)
{
	uint64_t hash = kept_hash(kept_hash(KEPT_BASIS, order_id), order_item_id);

	return gantry_format(m, "%016" PRIx64, hash);
}

const char *kept_order_space(struct gantry_message *m, const char *order_id)
{
	return gantry_format(m, "of:%016" PRIx64, kept_hash(KEPT_BASIS, order_id));
}

int kept_get(struct gantry_message *m, const char *space, const char *key,
	     const json_t **value_out, struct gantry_error *err)
{
	*value_out = gantry_record_get(m, space, key, err);
	return gantry_asking(m) || gantry_failed(err) ? -1 : 0;
}

int kept_line(struct gantry_message *m, const char *key, struct line *line_out,
	      struct gantry_error *err)
{
	const json_t *value;

	if (kept_get(m, KEPT_LINE, key, &value, err) < 0)
		return -1;
	if (!line_read(line_out, value))
		return gantry_fail(err, "the line %s cannot be read", key);
	return 0;
}

/* Two orders may have one space by chance. */
static void kept_add_page(json_t *list, const json_t *rows, const char *order_id)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		json_t *shown = json_object_get(row, "value");
		const char *order = json_string_value(json_object_get(shown, "orderId"));

		if (order != NULL && strcmp(order, order_id) == 0)
			json_array_append(list, shown);
	}
}

int kept_of_order(struct gantry_message *m, const char *order_id, json_t **list_out,
		  struct gantry_error *err)
{
	struct gantry_query query = GANTRY_QUERY(.name = "records", .limit = KEPT_PAGE,
						 .key = kept_order_space(m, order_id));
	const struct gantry_page *page;
	json_t *list = json_array();

	for (int i = 0; i < KEPT_MAX_PAGES; i++) {
		page = gantry_find(m, &query, err);
		if (page == NULL) {
			json_decref(list);
			return -1;
		}
		kept_add_page(list, page->rows, order_id);
		query.after = page->after;
		if (page->after == NULL)
			break;
	}
	*list_out = list;
	return 0;
}

int kept_put_line(struct gantry_message *m, const char *key, const struct line *line,
		  struct gantry_error *err)
{
	json_t *value = line_write(line);
	int done = gantry_record_put(m, KEPT_LINE, key, value, err);

	json_decref(value);
	return done;
}

int kept_put_turn(struct gantry_message *m, const char *key,
		  const struct line_place *place, struct gantry_error *err)
{
	char turn[LINE_TURN];
	json_t *value;
	int done;

	if (line_turn(place, turn) == NULL)
		return 0;
	value = json_pack("{s:s, s:s, s:I}", "id", place->id, "line", key,
			  "share", (json_int_t)place->share);
	done = gantry_record_put(m, KEPT_TURN, turn, value, err);
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
	uint64_t hash = kept_hash(KEPT_BASIS, order_id);

	return (int64_t)((hash ^ hash >> 32) % (uint64_t)kept_shares(o));
}

int64_t kept_share_size(const struct optimistic *o)
{
	return o->max_waiting / kept_shares(o);
}

const char *kept_share_key(struct gantry_message *m, int64_t share)
{
	return gantry_format(m, "%lld", (long long)share);
}
