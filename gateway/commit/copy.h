/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy - all rows of one storage into another, empty one, in units, and what
 * both hold as digests.
 *
 * A row in the leases of the target says how far a copy has come; it goes on
 * from there, and until its end nobody serves from that target. Knows storages
 * by their contract alone. One thread.
 */
#ifndef COMMIT_COPY_H
#define COMMIT_COPY_H

#include "gateway/commit/schema.h"
#include "gateway/stock/query.h"

/* The name in the leases; no replica and no publisher is called so. */
#define COPY_LEASE "storage-copy"

/* Told after each page: the table, and rows of all tables up to now. */
struct copy_watch {
	void (*step)(void *ctx, const char *table, uint64_t rows);
	void *ctx;
};

/* What a table holds: every value of every row by ref, without COPY_LEASE. */
#define COPY_HEX 65
struct copy_digest {
	uint64_t rows;
	char sha256[COPY_HEX];
};

/*
 * Digests of all tables of a store that nobody changes meanwhile. 0, or -1
 * with err.
 */
int copy_digests(const struct query_store *store, const struct copy_watch *watch,
		 struct copy_digest digests[static COMMIT_TABLES],
		 struct gantry_error *err);

/* Whether a copy into this store has begun and not ended: 1, 0, or -1. */
int copy_is_half(const struct query_store *store, struct gantry_error *err);
/* 0 if not; else -1, with err that says the mend. */
int copy_refuse_half(const struct query_store *store, struct gantry_error *err);

/*
 * Begin a copy into a store that was prepared to serve, or find one that has
 * begun. -1 with err if it holds anything else: tables and how many rows.
 */
int copy_begin(const struct query_store *to, bool *resumed_out,
	       struct gantry_error *err);
/*
 * Copy what is not there yet. Each unit is durable with how far it came. 0, or
 * -1 with err, whose message begins with "from: " or "to: "; then the same call
 * goes on from there, in this process or another.
 */
int copy_rows(const struct query_store *from, const struct query_store *to,
	      const struct copy_watch *watch, struct gantry_error *err);
/* It is whole: from now on it can be served from. 0, or -1 with err. */
int copy_end(const struct query_store *to, struct gantry_error *err);

#endif
