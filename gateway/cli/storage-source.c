/* SPDX-License-Identifier: Apache-2.0 */
/* storage-source - see storage-source.h. */
#include "gateway/cli/storage-source.h"

#include <stdio.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/commit/at_work.h"
#include "gateway/commit/copy.h"
#include "gateway/commit/replica.h"

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

/*
 * A gateway renews its lease before that runs out, and ends it when it stops;
 * one that died has left a lease that stays as it is.
 */
static int source_wait_for_leases(struct storage_source *s, struct gantry_error *err)
{
	const struct query_store *store = &s->lock.store;
	int64_t end = clock_steady_ns() + REPLICA_LEASE_MS * INT64_C(1000000);
	struct at_work first, now;
	int looked = at_work_look(store, &first, err);

	if (looked == 0 && first.run)
		fprintf(stderr, "waiting whether gateway %s still is at work, at most %d s\n",
			first.owner, REPLICA_LEASE_MS / 1000);
	now = first;
	while (looked == 0 && now.run && clock_steady_ns() < end) {
		usleep(SOURCE_POLL_US);
		looked = at_work_look(store, &now, err);
		if (looked == 0 && now.versions > first.versions)
			looked = gantry_fail(err, "gateway %s is at work on it: stop "
					     "every gateway first",
					     now.run ? now.owner : first.owner);
	}
	return looked == 0 ? COMMON_OK : COMMON_FAILED;
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
