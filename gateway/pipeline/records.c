/* SPDX-License-Identifier: Apache-2.0 */
/* records - see records.h. */
#include "gateway/pipeline/records.h"

#include <string.h>

#include "gateway/base/utf8.h"

#define RECORDS_LIMIT 100

struct records_page {
	struct arena *arena;
	unsigned key_column, value_column;
	size_t prefix;			/* bytes of each key that are not shown */
	size_t limit;
	json_t *rows;
	const char *after;
};

static bool records_is_key(const char *text)
{
	return utf8_is_id(text, strlen(text), GANTRY_MAX_ID);
}

const char *records_prefix(struct arena *arena, const char *instance,
			   const struct gantry_query *query,
			   struct gantry_error *err)
{
	if (query->key == NULL || !records_is_key(query->key) ||
	    (query->after != NULL && !records_is_key(query->after))) {
		gantry_fail(err, "query \"" RECORDS_QUERY "\": a space and a place in "
				 "it are 1 to %d printable bytes", GANTRY_MAX_ID);
		return NULL;
	}
	return ask_record_key(arena, instance, query->key, "");
}

/* One more than the page holds tells of another. */
static int records_row(void *context, size_t key, const struct gantry_value *values)
{
	struct records_page *page = context;
	const struct gantry_value *name = &values[page->key_column];
	const struct gantry_value *value = &values[page->value_column];
	size_t n = json_array_size(page->rows);
	json_t *row;

	(void)key;
	if (n == page->limit) {
		row = json_object_get(json_array_get(page->rows, n - 1), "key");
		page->after = arena_text(page->arena, json_string_value(row));
		return 0;
	}
	row = json_object();
	json_object_set_new(row, "key", json_stringn(name->is.text + page->prefix,
						     name->len - page->prefix));
	json_object_set_new(row, "value",
			    json_loadb(value->is.text, value->len,
				       JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
	json_array_append_new(page->rows, row);
	return 0;
}

/*
 * Keys hold no control character, so the prefix ends with one that no key has:
 * all keys of the space lie before the same text with a space at its end.
 */
void records_ends(struct arena *arena, const char *prefix,
		  struct gantry_value ends[static 2])
{
	uint32_t len = (uint32_t)strlen(prefix);
	char *end = arena_text(arena, prefix);

	end[len - 1] = ' ';
	ends[0] = (struct gantry_value){ .kind = GANTRY_STRING, .is.text = prefix,
					 .len = len };
	ends[1] = (struct gantry_value){ .kind = GANTRY_STRING, .is.text = end,
					 .len = len };
}

enum gantry_stored records_find(const struct engine_reads *reads,
				const struct message_ask *ask, struct arena *arena,
				json_t **rows_out, const char **after_out,
				struct gantry_error *err)
{
	const struct gantry_table *table = reads->schema->tables[reads->records_table];
	const struct gantry_query *query = &ask->query;
	struct gantry_value ends[2];
	struct records_page page = { .arena = arena, .prefix = strlen(ask->record),
				     .key_column = table->indexes[0]->columns[0],
				     .value_column = reads->records_value };
	struct gantry_sink sink = { records_row, &page };
	struct gantry_range range = { .size = sizeof(range), .index = 0,
				      .table = reads->records_table,
				      .from = &ends[0], .n_from = 1,
				      .from_after = true, .to = &ends[1], .n_to = 1 };
	enum gantry_stored stored;

	records_ends(arena, ask->record, ends);
	if (query->after != NULL) {
		ends[0].is.text = arena_format(arena, "%s%s", ask->record, query->after);
		ends[0].len = (uint32_t)strlen(ends[0].is.text);
	}
	page.limit = query->limit == 0 ? RECORDS_LIMIT : (size_t)query->limit;
	range.limit = page.limit + 1;
	page.rows = json_array();
	stored = reads->storage->scan(reads->self, &range, &sink, err);
	if (stored != GANTRY_STORED) {
		json_decref(page.rows);
		return stored;
	}
	*rows_out = page.rows;
	*after_out = page.after;
	return GANTRY_STORED;
}
