/* SPDX-License-Identifier: Apache-2.0 */
/* look - what only looks: lists of dead letters, and one of them. */
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

bool look_ref(struct gantry_message *m, const char *name, int64_t *ref_out)
{
	const char *text = gantry_query(m, name);

	if (text == NULL || parse_integer(text, ref_out))
		return true;
	error_set(&m->error, "VALIDATION_ERROR", "%s: not what \"next\" said: \"%s\"", name,
		  text);
	admin_refuse(m);
	return false;
}

json_t *look_page(json_t *data, const char *next)
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
