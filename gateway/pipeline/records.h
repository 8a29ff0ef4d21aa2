/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records - the query "records" of gantry_find(): what a handler instance keeps
 * in a space, in the order of its keys, a page at a time.
 *
 * Knows storage by its contract and the table of records by its key and value.
 */
#ifndef PIPELINE_RECORDS_H
#define PIPELINE_RECORDS_H

#include "gateway/pipeline/ask.h"
#include "gateway/pipeline/engine.h"

#define RECORDS_QUERY "records"

/*
 * Where the keys of a space begin, which all have this prefix, and where they end:
 * for a range behind the first of index 0 up to the second. In arena.
 */
void records_ends(struct arena *arena, const char *prefix,
		  struct gantry_value ends[static 2]);

/* What all keys of the space begin with; NULL with err if it is no such query. */
const char *records_prefix(struct arena *arena, const char *instance,
			   const struct gantry_query *query,
			   struct gantry_error *err);

/*
 * A page behind query->after. On STORED *rows_out is a new array of objects with
 * key and value, *after_out the key that the next page begins behind, in arena,
 * or NULL.
 */
enum gantry_stored records_find(const struct engine_reads *reads,
				const struct message_ask *ask, struct arena *arena,
				json_t **rows_out, const char **after_out,
				struct gantry_error *err);

#endif
