/* SPDX-License-Identifier: Apache-2.0 */
/* backlogs - see backlogs.h. */
#include "gateway/observe/backlogs.h"

#include <stdio.h>

#include "gateway/base/exposition.h"
#include "gateway/base/memory.h"
#include "gateway/commit/schema.h"
#include "gateway/pipeline/records.h"
#include "gateway/plugin/instance.h"

struct backlogs_run {
	const struct query_store *store;
	const char *instance;
	struct arena arena;
	struct gantry_error *err;
	struct backlogs found;
};

/* The first records of a space. */
static enum gantry_stored backlogs_scan(struct backlogs_run *r, const char *space,
					size_t limit, const struct gantry_sink *sink)
{
	struct gantry_value ends[2];
	struct gantry_range range = {
		.size = sizeof(range), .table = COMMIT_RECORDS, .index = 0,
		.from = &ends[0], .n_from = 1, .from_after = true,
		.to = &ends[1], .n_to = 1, .limit = limit,
	};

	records_ends(&r->arena, ask_record_key(&r->arena, r->instance, space, ""), ends);
	return r->store->storage->scan(r->store->self, &range, sink, r->err);
}

/* What is no number counts as none: it is the plugin's own affair. */
static int backlogs_add(void *context, size_t key, const struct gantry_value *values)
{
	const struct gantry_value *value = &values[RECORDS_VALUE];
	json_t *number = json_loadb(value->is.text, value->len, JSON_DECODE_ANY, NULL);
	uint64_t *sum = context;

	(void)key;
	if (json_integer_value(number) > 0)
		*sum += (uint64_t)json_integer_value(number);
	json_decref(number);
	return 0;
}

static int backlogs_oldest(void *context, size_t key, const struct gantry_value *values)
{
	int64_t *oldest_ms = context;

	(void)key;
	*oldest_ms = values[RECORDS_UPDATED_AT].is.number;
	return 0;
}

static enum gantry_stored backlogs_one(struct backlogs_run *r,
				       const struct gantry_backlog *backlog)
{
	uint64_t waiting = 0;
	int64_t oldest_ms = 0;
	const struct gantry_sink sum = { backlogs_add, &waiting };
	const struct gantry_sink oldest = { backlogs_oldest, &oldest_ms };
	unsigned n = r->found.n;
	enum gantry_stored stored;

	if (n == BACKLOGS_MAX)
		return GANTRY_STORED;
	stored = backlogs_scan(r, backlog->counts, GANTRY_MAX_COUNTS, &sum);
	if (stored == GANTRY_STORED)
		stored = backlogs_scan(r, backlog->waiting, 1, &oldest);
	if (stored != GANTRY_STORED)
		return stored;
	snprintf(r->found.list[n].handlers, BACKLOGS_TEXT + 1, "%s", r->instance);
	snprintf(r->found.list[n].name, BACKLOGS_TEXT + 1, "%s", backlog->name);
	r->found.list[n].waiting = waiting;
	r->found.list[n].oldest_ms = oldest_ms;
	r->found.n++;
	return GANTRY_STORED;
}

static enum gantry_stored backlogs_of(struct backlogs_run *r,
				      const struct gantry_instance *instance)
{
	const struct gantry_backlog *const *list = instance->plugin->backlogs;
	enum gantry_stored stored = GANTRY_STORED;

	r->instance = instance->name;
	for (; stored == GANTRY_STORED && list != NULL && *list != NULL; list++)
		stored = backlogs_one(r, *list);
	return stored;
}

enum gantry_stored backlogs_read(const struct query_store *store,
				 const struct graph *graph, struct backlogs *out,
				 struct gantry_error *err)
{
	struct backlogs_run *r = memory_new(sizeof(*r));
	enum gantry_stored stored = GANTRY_STORED;

	r->store = store;
	r->err = err;
	for (unsigned i = 0; stored == GANTRY_STORED && i < graph->n_instances; i++)
		stored = backlogs_of(r, graph->instances[i]);
	if (stored == GANTRY_STORED)
		*out = r->found;
	arena_fini(&r->arena);
	free(r);
	return stored;
}

static void backlogs_sample(const struct backlogs *b, unsigned i, uint64_t number,
			    unsigned decimals, struct exposition *x)
{
	const struct exposition_label labels[] = {
		{ "handlers", b->list[i].handlers },
		{ "backlog", b->list[i].name },
	};

	exposition_sample(x, "", labels, ARRAY_LENGTH(labels), number, decimals);
}

void backlogs_write(const struct backlogs *b, int64_t now_ms, struct exposition *x)
{
	if (b->n == 0)
		return;
	exposition_family(x, "gantry_backlog_waiting", EXPOSITION_GAUGE,
			  "What waits in the records of handlers.");
	for (unsigned i = 0; i < b->n; i++)
		backlogs_sample(b, i, b->list[i].waiting, 0, x);
	exposition_family(x, "gantry_backlog_age_seconds", EXPOSITION_GAUGE,
			  "Age of the oldest of it.");
	for (unsigned i = 0; i < b->n; i++) {
		/* it was put by the clock of the storage, which may be ahead */
		int64_t age_ms = b->list[i].oldest_ms == 0 ? 0 :
				 now_ms - b->list[i].oldest_ms;

		backlogs_sample(b, i, age_ms > 0 ? (uint64_t)age_ms : 0, 3, x);
	}
}
