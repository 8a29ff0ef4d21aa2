/* SPDX-License-Identifier: Apache-2.0 */
/* ask - see ask.h and gantry/ask.h. */
#include "gateway/pipeline/ask.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/sized.h"
#include "gateway/base/utf8.h"
#include "gateway/pipeline/records.h"
#include "gateway/stock/query.h"

const char *ask_record_key(struct arena *arena, const char *instance,
			   const char *space, const char *key)
{
	return arena_format(arena, "%s" ASK_JOINT "%s" ASK_JOINT "%s", instance,
			    space, key);
}

struct message_ask *ask_open(struct message_ask *ask)
{
	while (ask != NULL && ask->answered)
		ask = ask->next;
	return ask;
}

void ask_fail(struct gantry_message *m, struct message_ask *ask,
	      const struct gantry_error *err)
{
	ask->error = arena_zero(&m->arena, sizeof(*ask->error));
	ask->error->dependency = err->dependency;
	ask->error->wait_ms = err->wait_ms;
	memcpy(ask->error->message, err->message, sizeof(err->message));
	if (err->code != NULL) {
		memcpy(ask->error->code_text, err->code_text, sizeof(err->code_text));
		ask->error->code = ask->error->code_text;
	}
	ask->answered = true;
}

/* Its memory serves the next call, which may be that of another request. */
static void ask_free_call(struct gantry_message *m, struct call *call)
{
	if (m->spare.block == NULL && call->arena.block != NULL) {
		arena_reset(&call->arena);
		m->spare = call->arena;
		call->arena = (struct arena){ 0 };
	}
	call_fini(call);
}

void ask_free_all(struct gantry_message *m)
{
	for (struct message_ask *ask = m->asks; ask != NULL; ask = ask->next) {
		json_decref(ask->value);
		json_decref(ask->rows);
		if (ask->call != NULL)
			ask_free_call(m, ask->call);
	}
	m->asks = NULL;
}

bool gantry_asking(const struct gantry_message *m)
{
	return m->asking;
}

struct message_ask *ask_add(struct gantry_message *m, enum ask_kind kind,
			    struct gantry_error *err)
{
	struct message_ask *ask, **end = &m->asks;
	unsigned n = 0;

	if (m->settling) {
		gantry_fail(err, "settle cannot ask");
		return NULL;
	}
	for (; *end != NULL; end = &(*end)->next)
		n++;
	if (n >= ASK_MAX) {
		gantry_fail(err, "more than %d asks", ASK_MAX);
		return NULL;
	}
	ask = arena_zero(&m->arena, sizeof(*ask));
	ask->kind = kind;
	*end = ask;
	return ask;
}

bool ask_is_good(struct gantry_message *m, const struct message_ask *ask,
		 struct gantry_error *err)
{
	if (!ask->answered) {
		m->asking = true;
		return false;
	}
	if (ask->error == NULL)
		return true;
	if (err == NULL)
		return false;
	error_depends(err, ask->error->dependency, "%s", ask->error->message);
	err->wait_ms = ask->error->wait_ms;
	if (ask->error->code != NULL) {
		gantry_reject(err, ask->error->code);
		/* a query that cannot be never can; a call may, later */
		err->permanent = ask->kind != ASK_CALL;
	}
	return false;
}

static bool ask_is_key(const char *text)
{
	return text != NULL && utf8_is_id(text, strlen(text), 128);
}

const json_t *gantry_record_get(struct gantry_message *m, const char *space,
				const char *key, struct gantry_error *err)
{
	const char *instance = m->route->steps[m->step].instance->name;
	struct message_ask *ask;
	const char *record;

	if (!ask_is_key(space) || !ask_is_key(key)) {
		gantry_fail(err, "a record's space and key are 1 to 128 printable bytes");
		return NULL;
	}
	record = ask_record_key(&m->arena, instance, space, key);
	for (ask = m->asks; ask != NULL; ask = ask->next)
		if (ask->kind == ASK_RECORD && strcmp(ask->record, record) == 0)
			return ask_is_good(m, ask, err) ? ask->value : NULL;
	ask = ask_add(m, ASK_RECORD, err);
	if (ask == NULL)
		return NULL;
	ask->record = record;
	m->asking = true;
	return NULL;
}

static bool ask_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool ask_same_query(const struct gantry_query *a, const struct gantry_query *b)
{
	return strcmp(a->name, b->name) == 0 && ask_same_text(a->key, b->key) &&
	       ask_same_text(a->after, b->after) && a->limit == b->limit;
}

const struct gantry_page *gantry_find(struct gantry_message *m,
				      const struct gantry_query *theirs,
				      struct gantry_error *err)
{
	struct gantry_query whole, *query = &whole;
	struct message_ask *ask;
	const char *records = NULL;

	sized_take(query, sizeof(*query), theirs);
	if (strcmp(query->name, RECORDS_QUERY) == 0) {
		records = records_prefix(&m->arena,
					 m->route->steps[m->step].instance->name,
					 query, err);
		if (records == NULL)
			return NULL;
	} else if (!stock_query_exists(query->name)) {
		gantry_fail(err, "there is no query \"%s\"", query->name);
		return NULL;
	}
	if (query->limit < 0 || query->limit > 1000) {
		gantry_fail(err, "a query gives 1 to 1000 rows");
		return NULL;
	}
	for (ask = m->asks; ask != NULL; ask = ask->next)
		if (ask->kind == ASK_QUERY && ask_same_query(&ask->query, query) &&
		    ask_same_text(ask->record, records))
			return ask_is_good(m, ask, err) ? &ask->page : NULL;
	ask = ask_add(m, ASK_QUERY, err);
	if (ask == NULL)
		return NULL;
	m->asking = true;
	ask->record = records;
	ask->query = *query;
	ask->query.name = arena_text(&m->arena, query->name);
	ask->query.key = arena_text(&m->arena, query->key);
	ask->query.after = arena_text(&m->arena, query->after);
	if (strstr(query->name, "order") != NULL)
		message_name_order(m, query->key);
	return NULL;
}
