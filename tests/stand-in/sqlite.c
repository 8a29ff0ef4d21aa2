/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite - a storage that stands in for the shipped one and stores nothing. */
#include <gantry/plugin.h>

struct sqlite {
	const char *path;
};

static const struct gantry_option *const sqlite_options[] = {
	GANTRY_PATH(struct sqlite, path, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "The file."),
	NULL
};

static enum gantry_stored sqlite_prepare(void *self,
					 const struct gantry_schema *schema,
					 enum gantry_prepare mode,
					 struct gantry_error *err)
{
	(void)self;
	(void)schema;
	(void)mode;
	gantry_fail(err, "stands in");
	return GANTRY_BROKEN;
}

static unsigned sqlite_lanes(const void *self)
{
	(void)self;
	return 1;
}

static enum gantry_stored sqlite_read(void *self,
				      const struct gantry_key *const *keys,
				      size_t n, const struct gantry_sink *sink,
				      struct gantry_error *err)
{
	(void)keys;
	(void)n;
	(void)sink;
	return sqlite_prepare(self, NULL, false, err);
}

static enum gantry_stored sqlite_scan(void *self,
				      const struct gantry_range *range,
				      const struct gantry_sink *sink,
				      struct gantry_error *err)
{
	(void)range;
	(void)sink;
	return sqlite_prepare(self, NULL, false, err);
}

static enum gantry_stored sqlite_begin(void *self, unsigned lane,
				       void **unit_out,
				       struct gantry_error *err)
{
	(void)lane;
	(void)unit_out;
	return sqlite_prepare(self, NULL, false, err);
}

static enum gantry_stored
sqlite_load(void *unit, const struct gantry_key_set *const *locks,
	    size_t n_locks, const struct gantry_key *const *keys, size_t n_keys,
	    const struct gantry_sink *sink, int64_t *now_ms_out,
	    struct gantry_error *err)
{
	(void)locks;
	(void)n_locks;
	(void)keys;
	(void)n_keys;
	(void)sink;
	(void)now_ms_out;
	return sqlite_prepare(unit, NULL, false, err);
}

static enum gantry_stored
sqlite_store(void *unit, const struct gantry_change *const *changes, size_t n,
	     struct gantry_error *err)
{
	(void)changes;
	(void)n;
	return sqlite_prepare(unit, NULL, false, err);
}

static enum gantry_stored sqlite_commit(void *unit, struct gantry_error *err)
{
	return sqlite_prepare(unit, NULL, false, err);
}

static void sqlite_rollback(void *unit)
{
	(void)unit;
}

static const struct gantry_storage sqlite_storage = {
	.size = sizeof(struct gantry_storage),
	.prepare = sqlite_prepare,
	.lanes = sqlite_lanes,
	.read = sqlite_read,
	.scan = sqlite_scan,
	.begin = sqlite_begin,
	.load = sqlite_load,
	.store = sqlite_store,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
};

GANTRY_PLUGIN(.name = "sqlite", .version = "1", .summary = "Stands in.",
	      .threads = GANTRY_PARALLEL, .instance_size = sizeof(struct sqlite),
	      .options = sqlite_options, .storage = &sqlite_storage);
