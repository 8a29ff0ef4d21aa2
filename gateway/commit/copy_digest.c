/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_digest - one digest for each table, the same on any storage that holds
 * the same rows.
 */
#include <string.h>

#include <nettle/sha2.h>

#include "gateway/base/memory.h"
#include "gateway/commit/copy.h"
#include "gateway/commit/copy_pages.h"

struct copy_digester {
	const struct query_store *store;
	const struct copy_watch *watch;
	uint64_t before;		/* rows of the tables before */
	/* the table at hand */
	struct sha256_ctx hash;
	const struct gantry_table *table;
	uint64_t rows;
};

static void copy_digest_number(struct sha256_ctx *hash, uint64_t number)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	sha256_update(hash, sizeof(bytes), bytes);
}

/* Each value says its kind and its length, so no two rows look the same. */
static void copy_digest_value(struct sha256_ctx *hash, const struct gantry_value *v)
{
	const uint8_t kind = (uint8_t)v->kind;

	sha256_update(hash, 1, &kind);
	if (v->kind == GANTRY_INT64)
		copy_digest_number(hash, (uint64_t)v->is.number);
	if (v->kind != GANTRY_STRING)
		return;
	copy_digest_number(hash, v->len);
	sha256_update(hash, v->len, (const uint8_t *)v->is.text);
}

static bool copy_digest_is_marker(const struct gantry_value *values)
{
	return values[LEASES_NAME].len == strlen(COPY_LEASE) &&
	       memcmp(values[LEASES_NAME].is.text, COPY_LEASE, strlen(COPY_LEASE)) == 0;
}

static void copy_digest_row(void *ctx, const struct gantry_value *values)
{
	struct copy_digester *d = ctx;

	if (d->table == commit_schema.tables[COMMIT_LEASES] &&
	    copy_digest_is_marker(values))
		return;
	d->rows++;
	for (unsigned i = 0; i < d->table->n_columns; i++)
		copy_digest_value(&d->hash, &values[i]);
}

static void copy_digest_hex(struct sha256_ctx *hash, char hex[static COPY_HEX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[SHA256_DIGEST_SIZE];

	sha256_digest(hash, sizeof(bytes), bytes);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * sizeof(bytes)] = '\0';
}

static int copy_digest_table(struct copy_digester *d, unsigned table,
			     struct gantry_error *err)
{
	struct copy_pages pages;
	int more;

	d->table = d->store->schema->tables[table];
	d->rows = 0;
	sha256_init(&d->hash);
	copy_pages_init(&pages, d->store, table, INT64_MIN);
	pages.row = copy_digest_row;
	pages.ctx = d;
	while ((more = copy_pages_next(&pages, err)) > 0)
		d->watch->step(d->watch->ctx, d->table->name, d->before + d->rows);
	return more;
}

int copy_digests(const struct query_store *store, const struct copy_watch *watch,
		 struct copy_digest digests[static COMMIT_TABLES],
		 struct gantry_error *err)
{
	struct copy_digester d = { .store = store, .watch = watch };

	for (unsigned i = 0; i < COMMIT_TABLES; i++) {
		if (copy_digest_table(&d, i, err) < 0)
			return -1;
		digests[i].rows = d.rows;
		copy_digest_hex(&d.hash, digests[i].sha256);
		d.before += d.rows;
	}
	return 0;
}
