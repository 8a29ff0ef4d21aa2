/* SPDX-License-Identifier: Apache-2.0 */
/* letters - see letters.h: rows read, page by page and in groups. */
#include "gateway/commit/letters.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/commit/schema.h"

static const char *letters_text(struct arena *arena, const struct gantry_value *value)
{
	return value->kind == GANTRY_NULL ? NULL :
		arena_text_n(arena, value->is.text, value->len);
}

static int64_t letters_number(const struct gantry_value *value)
{
	return value->kind == GANTRY_NULL ? 0 : value->is.number;
}

static void letters_take_whole(struct letter *l, const struct gantry_value *v,
			       struct arena *a)
{
	l->headers = letters_text(a, &v[DEAD_LETTERS_HEADERS]);
	l->body = letters_text(a, &v[DEAD_LETTERS_BODY]);
	l->body_len = v[DEAD_LETTERS_BODY].len;
	l->original_form = letters_text(a, &v[DEAD_LETTERS_ORIGINAL_FORM]);
	l->original = letters_text(a, &v[DEAD_LETTERS_ORIGINAL]);
}

static void letters_take(struct letter *l, const struct gantry_value *v,
			 struct arena *a, bool whole)
{
	*l = (struct letter){
		.ref = v[DEAD_LETTERS_REF].is.number,
		.state = letters_text(a, &v[DEAD_LETTERS_STATE]),
		.queue = letters_text(a, &v[DEAD_LETTERS_QUEUE]),
		.event_id = letters_text(a, &v[DEAD_LETTERS_EVENT_ID]),
		.exchange = letters_text(a, &v[DEAD_LETTERS_EXCHANGE]),
		.routing_key = letters_text(a, &v[DEAD_LETTERS_ROUTING_KEY]),
		.cause = letters_text(a, &v[DEAD_LETTERS_CAUSE]),
		.text = letters_text(a, &v[DEAD_LETTERS_TEXT]),
		.handler = letters_text(a, &v[DEAD_LETTERS_HANDLER]),
		.attempts = letters_number(&v[DEAD_LETTERS_ATTEMPTS]),
		.content_type = letters_text(a, &v[DEAD_LETTERS_CONTENT_TYPE]),
		.correlation_id = letters_text(a, &v[DEAD_LETTERS_CORRELATION_ID]),
		.traceparent = letters_text(a, &v[DEAD_LETTERS_TRACEPARENT]),
		.form = letters_text(a, &v[DEAD_LETTERS_FORM]),
		.died_at = letters_number(&v[DEAD_LETTERS_DIED_AT]),
		.created_at = letters_number(&v[DEAD_LETTERS_CREATED_AT]),
		.closed_at = letters_number(&v[DEAD_LETTERS_CLOSED_AT]),
	};
	if (whole)
		letters_take_whole(l, v, a);
}

struct letters_one {
	struct letter *out;
	struct arena *arena;
	int found;
};

static int letters_one_row(void *context, size_t key, const struct gantry_value *values)
{
	struct letters_one *one = context;

	(void)key;
	letters_take(one->out, values, one->arena, true);
	one->found = 1;
	return 0;
}

int letters_find(const struct query_store *store, int64_t ref, struct arena *arena,
		 struct letter *out, struct gantry_error *err)
{
	struct letters_one one = { out, arena, 0 };
	struct gantry_sink sink = { letters_one_row, &one };
	struct gantry_value value = { .kind = GANTRY_INT64, .is.number = ref };
	const struct gantry_key key = { .size = sizeof(key),
					.table = COMMIT_DEAD_LETTERS,
					.index = GANTRY_BY_REF, .n = 1,
					.values = &value };
	const struct gantry_key *keys[] = { &key };

	return store->storage->read(store->self, keys, 1, &sink, err) ==
			       GANTRY_STORED ? one.found : -1;
}

/* One stretch of the index over the causes of open letters. */
struct letters_scan {
	struct arena *arena;
	const struct letters_query *query;
	struct letters_page *page;
	unsigned rows;
	char *last_cause;		/* malloc */
	int64_t last_ref;
};

static bool letters_is(const struct gantry_value *value, const char *text)
{
	return text == NULL || (value->len == strlen(text) &&
				memcmp(value->is.text, text, value->len) == 0);
}

static int letters_row(void *context, size_t key, const struct gantry_value *values)
{
	const struct gantry_value *cause = &values[DEAD_LETTERS_OPEN_CAUSE];
	struct letters_scan *scan = context;

	(void)key;
	scan->rows++;
	if (scan->rows == scan->query->limit) {
		scan->last_cause = memory_text_n(cause->is.text, cause->len);
		scan->last_ref = values[DEAD_LETTERS_REF].is.number;
	}
	if (letters_is(&values[DEAD_LETTERS_QUEUE], scan->query->queue))
		letters_take(&scan->page->list[scan->page->n++], values, scan->arena,
			     scan->query->whole);
	return 0;
}

/* "REF:CAUSE", where the page before ended. */
static int letters_after(const char *after, struct gantry_range *range,
			 struct gantry_value *from, struct arena *arena,
			 struct gantry_error *err)
{
	const char *colon = strchr(after, ':');

	if (colon == NULL ||
	    !parse_integer(arena_text_n(arena, after, (size_t)(colon - after)),
			   &range->after_ref) || range->after_ref <= 0)
		return error_set(err, "VALIDATION_ERROR",
				 "after: not what \"next\" said: \"%s\"", after);
	*from = (struct gantry_value){ .kind = GANTRY_STRING, .is.text = colon + 1,
				       .len = (uint32_t)strlen(colon + 1) };
	return 0;
}

int letters_read(const struct query_store *store, const struct letters_query *query,
		 struct arena *arena, struct letters_page *out,
		 struct gantry_error *err)
{
	struct letters_scan scan = { .arena = arena, .query = query, .page = out };
	struct gantry_sink sink = { letters_row, &scan };
	struct gantry_value from = { .kind = GANTRY_STRING, .is.text = "" }, to;
	struct gantry_range range = { .size = sizeof(range),
				      .table = COMMIT_DEAD_LETTERS, .index = 1,
				      .from = &from, .n_from = 1, .to = &to,
				      .limit = query->limit };
	enum gantry_stored stored;

	assert(query->limit >= 1 && query->limit <= LETTERS_MAX_PAGE);
	if (query->cause != NULL) {
		to = from = (struct gantry_value){ .kind = GANTRY_STRING,
						   .is.text = query->cause,
						   .len = (uint32_t)strlen(query->cause) };
		range.n_to = 1;
	}
	if (query->after != NULL &&
	    letters_after(query->after, &range, &from, arena, err) < 0)
		return -1;
	*out = (struct letters_page){
		.list = arena_alloc(arena, query->limit * sizeof(*out->list))
	};
	stored = store->storage->scan(store->self, &range, &sink, err);
	if (stored == GANTRY_STORED && scan.last_cause != NULL)
		out->next = arena_format(arena, "%lld:%s", (long long)scan.last_ref,
					 scan.last_cause);
	free(scan.last_cause);
	return stored == GANTRY_STORED ? 0 : -1;
}

static void letters_group_time(json_t *group, const char *name, int64_t ms, int sign)
{
	int64_t old = json_integer_value(json_object_get(group, name));

	if (old == 0 || (ms - old) * sign > 0)
		json_object_set_new(group, name, json_integer(ms));
}

static json_t *letters_group_of(json_t *groups, const struct letter *l)
{
	json_t *group;
	size_t i;

	json_array_foreach(groups, i, group)
		if (strcmp(json_string_value(json_object_get(group, "cause")),
			   l->cause) == 0 &&
		    strcmp(json_string_value(json_object_get(group, "queue")),
			   l->queue) == 0)
			return group;
	return NULL;
}

static void letters_group(json_t *groups, const struct letter *l)
{
	json_t *group = letters_group_of(groups, l);

	if (group == NULL) {
		if (json_array_size(groups) == LETTERS_MAX_GROUPS)
			return;
		group = json_pack("{ss ss si}", "cause", l->cause, "queue", l->queue,
				  "count", 0);
		json_array_append_new(groups, group);
	}
	json_object_set_new(group, "count", json_integer(
		json_integer_value(json_object_get(group, "count")) + 1));
	letters_group_time(group, "oldest", l->died_at, -1);
	letters_group_time(group, "newest", l->died_at, 1);
}

/* Numbers until all are seen, then texts. */
static void letters_group_times(json_t *groups)
{
	static const char *const names[] = { "oldest", "newest" };
	char text[CLOCK_TEXT];
	json_t *group;
	size_t i;

	json_array_foreach(groups, i, group)
		for (unsigned k = 0; k < ARRAY_LENGTH(names); k++) {
			clock_format(json_integer_value(json_object_get(group, names[k])),
				     text);
			json_object_set_new(group, names[k], json_string(text));
		}
}

static int letters_more(const void *a, const void *b)
{
	const json_t *const *left = a, *const *right = b;
	json_int_t l = json_integer_value(json_object_get(*left, "count"));
	json_int_t r = json_integer_value(json_object_get(*right, "count"));

	return l == r ? strcmp(json_string_value(json_object_get(*left, "cause")),
			       json_string_value(json_object_get(*right, "cause"))) :
	       l < r ? 1 : -1;
}

static json_t *letters_sorted(json_t *groups)
{
	size_t n = json_array_size(groups);
	json_t **list = memory_new_array(n + 1, sizeof(json_t *));
	json_t *sorted = json_array();

	for (size_t i = 0; i < n; i++)
		list[i] = json_array_get(groups, i);
	qsort(list, n, sizeof(*list), letters_more);
	for (size_t i = 0; i < n; i++)
		json_array_append(sorted, list[i]);
	free(list);
	json_decref(groups);
	return sorted;
}

json_t *letters_groups(const struct query_store *store, struct gantry_error *err)
{
	struct letters_query query = { .limit = LETTERS_MAX_PAGE };
	struct letters_page page = { 0 };
	json_t *groups = json_array();
	struct arena arena = { 0 };
	AUTO_FREE char *after = NULL;

	do {
		arena_reset(&arena);
		query.after = after;
		if (letters_read(store, &query, &arena, &page, err) < 0) {
			arena_fini(&arena);
			json_decref(groups);
			return NULL;
		}
		for (unsigned i = 0; i < page.n; i++)
			letters_group(groups, &page.list[i]);
		free(after);
		after = memory_text(page.next);
	} while (after != NULL);
	arena_fini(&arena);
	letters_group_times(groups);
	return letters_sorted(groups);
}
