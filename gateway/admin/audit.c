/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - what operators did, a page at a time: from the oldest on, or from the
 * newest back. A storage reads forward alone, so the newest are looked for by their
 * refs, which tell the time: from now back until there are enough of them.
 */
#include <inttypes.h>
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/commit/schema.h"

#define AUDIT_BACK (INT64_C(60000) << 22)	/* a minute of refs */
#define AUDIT_STEP 8				/* so much further each time */
#define AUDIT_SPARE 4				/* pages that are read for one, at most */

struct audit_rows {
	json_t *rows;		/* NULL: only counted */
	size_t skip;		/* so many are not wanted */
	size_t n;
	int64_t first, last;	/* refs of those that were */
};

static json_t *audit_text(const struct gantry_value *value)
{
	return value->kind == GANTRY_NULL ? json_null() :
		json_stringn(value->is.text, value->len);
}

static int audit_row(void *context, size_t key, const struct gantry_value *v)
{
	struct audit_rows *audit = context;
	char at[CLOCK_TEXT];

	(void)key;
	if (audit->n++ < audit->skip || audit->rows == NULL)
		return 0;
	audit->last = v[AUDIT_REF].is.number;
	if (json_array_size(audit->rows) == 0)
		audit->first = audit->last;
	clock_format(v[AUDIT_AT].is.number, at);
	json_array_append_new(audit->rows, json_pack("{ss so so so so so}", "at", at,
		"actor", audit_text(&v[AUDIT_ACTOR]), "action", audit_text(&v[AUDIT_ACTION]),
		"object", audit_text(&v[AUDIT_OBJECT]), "result", audit_text(&v[AUDIT_RESULT]),
		"text", audit_text(&v[AUDIT_TEXT])));
	return 0;
}

/* Refs above after, up to and with last. */
struct audit_range {
	int64_t after, last;
	size_t limit;
};

/* 0, or -1 with m->error. */
static int audit_scan(struct admin *admin, struct gantry_message *m,
		      const struct audit_range *wanted, struct audit_rows *out)
{
	const struct query_store *store = &admin_options(admin)->store;
	struct gantry_sink sink = { audit_row, out };
	struct gantry_value from = { .kind = GANTRY_INT64, .is.number = wanted->after };
	struct gantry_value to = { .kind = GANTRY_INT64, .is.number = wanted->last };
	const struct gantry_range range = {
		.size = sizeof(range), .table = COMMIT_AUDIT, .index = GANTRY_BY_REF,
		.from = &from, .n_from = 1, .from_after = true, .to = &to, .n_to = 1,
		.limit = wanted->limit };

	out->n = 0;
	return store->storage->scan(store->self, &range, &sink, &m->error) == GANTRY_STORED ?
	       0 : -1;
}

/*
 * Sets wanted->after so that the last limit rows of it are behind that, and not many
 * more, which are to be skipped: further back until there are enough of them, then
 * by halves until they are not too many.
 */
static int audit_go_back(struct admin *admin, struct gantry_message *m,
			 struct audit_range *wanted, size_t *skip_out)
{
	size_t limit = wanted->limit, most = limit * AUDIT_SPARE;
	int64_t few = wanted->last, many = -1, step = AUDIT_BACK;
	struct audit_rows audit = { .rows = NULL };

	wanted->limit = most + 1;
	wanted->after = (clock_now_ms() - ids_ref_ms(0)) << 22;
	if (wanted->after > few)
		wanted->after = few;
	while (audit_scan(admin, m, wanted, &audit) == 0) {
		if ((audit.n >= limit && audit.n <= most) ||
		    (audit.n < limit && wanted->after == 0)) {
			*skip_out = audit.n > limit ? audit.n - limit : 0;
			wanted->limit = audit.n > 0 ? audit.n : 1;
			return 0;
		}
		if (audit.n < limit)
			few = wanted->after;
		else
			many = wanted->after;
		wanted->after = many >= 0 ? many + (few - many) / 2 :
				few > step ? few - step : 0;
		if (step < INT64_MAX / AUDIT_STEP)
			step *= AUDIT_STEP;
	}
	return -1;
}

static json_t *audit_turned(json_t *rows)
{
	json_t *turned = json_array();

	for (size_t i = json_array_size(rows); i > 0; i--)
		json_array_append(turned, json_array_get(rows, i - 1));
	json_decref(rows);
	return turned;
}

static void audit_answer(struct gantry_message *m, struct audit_rows *audit, size_t limit,
			 bool newest)
{
	const char *next = json_array_size(audit->rows) < limit ? NULL :
		arena_format(&m->arena, "%" PRId64, newest ? audit->first : audit->last);

	admin_answer(m, look_page(newest ? audit_turned(audit->rows) : audit->rows, next));
}

void look_audit(struct admin *admin, struct admin_job *job)
{
	struct gantry_message *m = job->m;
	const char *text = gantry_query(m, "newest");
	bool newest = text != NULL && strcmp(text, "true") == 0;
	struct audit_range wanted = { .last = INT64_MAX, .limit = look_limit(m) };
	struct audit_rows audit = { .rows = NULL };
	size_t limit = wanted.limit;

	if (limit == 0 || !look_ref(m, newest ? "before" : "after",
				    newest ? &wanted.last : &wanted.after))
		return;
	/* before is not itself wanted; nothing is before the first */
	if (newest && wanted.last > 0 && wanted.last < INT64_MAX)
		wanted.last--;
	if (newest && audit_go_back(admin, m, &wanted, &audit.skip) < 0) {
		admin_refuse(m);
		return;
	}
	audit.rows = json_array();
	if (audit_scan(admin, m, &wanted, &audit) < 0) {
		json_decref(audit.rows);
		admin_refuse(m);
		return;
	}
	audit_answer(m, &audit, limit, newest);
}
