/* SPDX-License-Identifier: Apache-2.0 */
/* storage-source - see storage-source.h. */
#include "gateway/cli/storage-source.h"

#include <stdio.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/commit/committer.h"
#include "gateway/commit/copy.h"

#define SOURCE_POLL_US 250000

/*
 * LOOK refuses what is not of the schema asked for. So schemas that must be
 * refused tell what the storage holds.
 */
static int source_must_refuse(struct storage_source *s,
			      const struct gantry_schema *schema, const char *why,
			      struct gantry_error *err)
{
	struct gantry_error ignored = ERROR_INIT;
	struct open open;
	int status = open_storage_as(&s->options, GANTRY_PREPARE_LOOK, schema, &open,
				     &ignored);

	open_close(&open);
	error_fini(&ignored);
	if (status != COMMON_OK)
		return COMMON_OK;
	gantry_fail(err, "%s", why);
	return COMMON_FAILED;
}

static int source_fits(struct storage_source *s, struct gantry_error *err)
{
	struct gantry_schema other = commit_schema, newer = commit_schema;
	int status;

	other.major++;
	newer.minor++;
	status = source_must_refuse(s, &other, "it keeps nothing from one process to "
				    "the next, so there is nothing to copy", err);
	if (status == COMMON_OK)
		status = source_must_refuse(s, &newer, "its schema is newer than this "
					    "gantry's, which would leave columns out: "
					    "copy with the newer one", err);
	return status;
}

/* Is there no place for a second one beside us? */
static bool source_is_alone(struct storage_source *s)
{
	struct gantry_error ignored = ERROR_INIT;
	struct open open;
	int status = open_storage_as(&s->options, GANTRY_PREPARE_SERVE,
				     &commit_schema, &open, &ignored);

	open_close(&open);
	error_fini(&ignored);
	return status != COMMON_OK;
}

struct source_leases {
	int64_t now_ms, versions;
	bool run;		/* one of them at least */
	char name[128];		/* of one that runs */
};

static int source_lease(void *context, size_t key, const struct gantry_value *values)
{
	struct source_leases *l = context;

	(void)key;
	l->versions += values[LEASES_VERSION].is.number;
	if (values[LEASES_UNTIL].is.number <= l->now_ms)
		return 0;
	l->run = true;
	snprintf(l->name, sizeof(l->name), "%.*s", (int)values[LEASES_NAME].len,
		 values[LEASES_NAME].is.text);
	return 0;
}

static int source_leases(struct storage_source *s, struct source_leases *out,
			 struct gantry_error *err)
{
	const struct gantry_sink sink = { source_lease, out };
	const struct gantry_range range = { .size = sizeof(range),
					    .table = COMMIT_LEASES,
					    .index = GANTRY_BY_REF, .limit = 100000 };
	const struct query_store *store = &s->lock.store;

	*out = (struct source_leases){ .now_ms = clock_now_ms() };
	return store->storage->scan(store->self, &range, &sink, err) == GANTRY_STORED ?
		       COMMON_OK : COMMON_FAILED;
}

/*
 * A gateway renews what it holds long before it runs out; one that stopped a
 * moment ago has left leases that still run, and these stay as they are.
 */
static int source_wait_for_leases(struct storage_source *s, struct gantry_error *err)
{
	int64_t end = clock_now_ms() + COMMITTER_LEASE_MS;
	struct source_leases first, now;
	int status = source_leases(s, &first, err);

	if (status == COMMON_OK && first.run)
		fprintf(stderr, "waiting whether the lease %s is renewed, at most %d s\n",
			first.name, COMMITTER_LEASE_MS / 1000);
	now = first;
	while (status == COMMON_OK && now.run && now.now_ms < end) {
		usleep(SOURCE_POLL_US);
		status = source_leases(s, &now, err);
		if (status != COMMON_OK || now.versions <= first.versions)
			continue;
		gantry_fail(err, "a gateway is at work on it, which has just renewed the "
			    "lease %s: stop every gateway first", now.name);
		status = COMMON_FAILED;
	}
	return status;
}

static int source_prefix(int status, struct gantry_error *err)
{
	if (status == COMMON_FAILED)
		error_prefix(err, "from");
	return status;
}

static int source_look(struct storage_source *s, struct gantry_error *err)
{
	return open_storage_as(&s->options, GANTRY_PREPARE_LOOK, &commit_schema,
			       &s->look, err);
}

static int source_open(struct storage_source *s, struct gantry_error *err)
{
	/* looking first: serving would make one that is not there */
	int status = source_look(s, err);

	if (status == COMMON_OK)
		status = source_fits(s, err);
	open_close(&s->look);
	if (status == COMMON_OK)
		status = open_storage_as(&s->options, GANTRY_PREPARE_SERVE,
					 &commit_schema, &s->lock, err);
	if (status != COMMON_OK)
		return status;
	if (copy_refuse_half(&s->lock.store, err) < 0)
		return COMMON_FAILED;
	if (!source_is_alone(s))
		status = source_wait_for_leases(s, err);
	return status == COMMON_OK ? source_look(s, err) : status;
}

int storage_source_open(struct storage_source *s, struct gantry_error *err)
{
	return source_prefix(source_open(s, err), err);
}

int storage_source_look_again(struct storage_source *s, struct gantry_error *err)
{
	open_close(&s->look);
	return source_prefix(source_look(s, err), err);
}

void storage_source_close(struct storage_source *s)
{
	open_close(&s->look);
	open_close(&s->lock);
}
