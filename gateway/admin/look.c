/* SPDX-License-Identifier: Apache-2.0 */
/* look - what only looks: lists of dead letters, one of them, the audit. */
#include <inttypes.h>
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/clock.h"
#include "gateway/base/parse.h"
#include "gateway/commit/schema.h"

#define LOOK_LIMIT 100
#define LOOK_WHOLE 100		/* letters with their bodies in one answer */

unsigned look_limit(struct gantry_message *m)
{
	const char *text = gantry_query(m, "limit");
	int64_t limit = LOOK_LIMIT;

	if (text == NULL || (parse_integer(text, &limit) && limit >= 1 &&
			     limit <= LETTERS_MAX_PAGE))
		return (unsigned)limit;
	gantry_problem(&m->error, "limit", "must be 1 to %d", LETTERS_MAX_PAGE);
	error_set(&m->error, "VALIDATION_ERROR", "limit: must be 1 to %d",
		  LETTERS_MAX_PAGE);
	admin_refuse(m);
	return 0;
}

bool look_after(struct gantry_message *m, int64_t *after_out)
{
	const char *text = gantry_query(m, "after");

	*after_out = 0;
	if (text == NULL || parse_integer(text, after_out))
		return true;
	error_set(&m->error, "VALIDATION_ERROR", "after: not what \"next\" said: \"%s\"",
		  text);
	admin_refuse(m);
	return false;
}

static json_t *look_page(json_t *data, const char *next)
{
	json_t *tree = json_pack("{sb so}", "success", 1, "data", data);

	if (next != NULL)
		json_object_set_new(tree, "next", json_string(next));
	return tree;
}

/* For an export: with headers and bodies. */
static bool look_is_whole(const struct gantry_message *m)
{
	const char *whole = gantry_query(m, "whole");

	return whole != NULL && strcmp(whole, "true") == 0;
}

void look_list(struct admin *admin, struct admin_job *job)
{
	struct gantry_message *m = job->m;
	struct letters_query query = { .cause = gantry_query(m, "cause"),
				       .queue = gantry_query(m, "queue"),
				       .after = gantry_query(m, "after"),
				       .whole = look_is_whole(m) };
	struct letters_page page;
	json_t *data;

	query.limit = look_limit(m);
	if (query.limit == 0)
		return;		/* answered: m is not ours any more */
	if (query.whole && query.limit > LOOK_WHOLE)
		query.limit = LOOK_WHOLE;
	if (letters_read(&admin_options(admin)->store, &query, &m->arena, &page,
			 &m->error) < 0) {
		admin_refuse(m);
		return;
	}
	data = json_array();
	for (unsigned i = 0; i < page.n; i++)
		json_array_append_new(data, letter_tree(&page.list[i], query.whole));
	admin_answer(m, look_page(data, page.next));
}

void look_causes(struct admin *admin, struct admin_job *job)
{
	json_t *groups = letters_groups(&admin_options(admin)->store, &job->m->error);

	if (groups == NULL)
		admin_refuse(job->m);
	else
		admin_answer(job->m, look_page(groups, NULL));
}

void look_one(struct admin *admin, struct admin_job *job)
{
	struct gantry_message *m = job->m;
	struct letter letter;
	int found = letters_find(&admin_options(admin)->store, job->ref, &m->arena,
				 &letter, &m->error);

	if (found > 0) {
		admin_answer(m, look_page(letter_tree(&letter, true), NULL));
		return;
	}
	if (found == 0)
		error_set(&m->error, "DEAD_LETTER_NOT_FOUND",
			  "There is no dead letter %" PRId64, job->ref);
	admin_refuse(m);
}

struct look_audit {
	json_t *rows;
	int64_t last;
};

static json_t *look_text(const struct gantry_value *value)
{
	return value->kind == GANTRY_NULL ? json_null() :
		json_stringn(value->is.text, value->len);
}

static int look_audit_row(void *context, size_t key, const struct gantry_value *v)
{
	struct look_audit *audit = context;
	char at[CLOCK_TEXT];

	(void)key;
	audit->last = v[AUDIT_REF].is.number;
	clock_format(v[AUDIT_AT].is.number, at);
	json_array_append_new(audit->rows, json_pack("{ss so so so so so}", "at", at,
		"actor", look_text(&v[AUDIT_ACTOR]), "action", look_text(&v[AUDIT_ACTION]),
		"object", look_text(&v[AUDIT_OBJECT]), "result", look_text(&v[AUDIT_RESULT]),
		"text", look_text(&v[AUDIT_TEXT])));
	return 0;
}

void look_audit(struct admin *admin, struct admin_job *job)
{
	const struct query_store *store = &admin_options(admin)->store;
	struct gantry_message *m = job->m;
	struct look_audit audit = { .last = 0 };
	struct gantry_sink sink = { look_audit_row, &audit };
	const char *text;
	int64_t after;
	struct gantry_value from;
	struct gantry_range range = { .size = sizeof(range), .table = COMMIT_AUDIT,
				      .index = GANTRY_BY_REF, .from = &from,
				      .n_from = 1, .from_after = true };

	range.limit = look_limit(m);
	if (range.limit == 0 || !look_after(m, &after))
		return;
	from = (struct gantry_value){ .kind = GANTRY_INT64, .is.number = after };
	audit.rows = json_array();
	if (store->storage->scan(store->self, &range, &sink, &m->error) !=
	    GANTRY_STORED) {
		json_decref(audit.rows);
		admin_refuse(m);
		return;
	}
	text = json_array_size(audit.rows) < range.limit ? NULL :
		arena_format(&m->arena, "%" PRId64, audit.last);
	admin_answer(m, look_page(audit.rows, text));
}
