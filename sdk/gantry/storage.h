/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage - a transactional store of tables that the core describes.
 *
 * A storage gets a schema and works on rows: arrays of values in the order of
 * the table's columns. It knows no word of the domain, so a column that is
 * added next year reaches every storage. "gantry plugins test-storage" proves
 * that a plugin keeps this contract; gantry-plugins(1) says what it looks at.
 *
 * Column 0 of every table is "ref", an INT64 that the core mints and that is
 * unique in its table (the primary key); column 1 is "version", INT64.
 */
#ifndef GANTRY_STORAGE_H
#define GANTRY_STORAGE_H

#include <stdbool.h>

#include <gantry/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gantry_value_kind { GANTRY_NULL = 0, GANTRY_INT64 = 1, GANTRY_STRING = 2 };

/*
 * 16 bytes; text is UTF-8 without NUL, and not ended by one. Other bytes a
 * storage keeps as they are, or it answers REFUSED_ROW.
 */
struct gantry_value {
	uint32_t kind;
	uint32_t len;			/* of text, in bytes */
	union {
		int64_t number;
		const char *text;
	} is;
};

enum {
	GANTRY_COLUMN_NULLABLE = 1,
	GANTRY_COLUMN_ID = 2,	/* compared bytewise, at most 512 bytes */
};

struct gantry_column {
	size_t size;
	const char *name;
	enum gantry_value_kind kind;
	unsigned flags;
	const char *references;	/* the table whose ref this is, or NULL */
	int64_t since_minor;	/* schema minor that added it; such a column is
				   nullable */
};

struct gantry_index {
	size_t size;
	const char *name;	/* unique in the schema */
	const unsigned *columns;/* positions in the table */
	unsigned n_columns;
	bool unique;		/* rows with a NULL in it never collide */
};

struct gantry_table {
	size_t size;
	const char *name;
	const struct gantry_column *const *columns;
	unsigned n_columns;	/* at most 60 */
	const struct gantry_index *const *indexes;
	unsigned n_indexes;
	const char *const *checks;	/* SQL expressions over the columns, in the
					   subset of all SQL stores; n_checks */
	unsigned n_checks;
	int64_t since_minor;
};

struct gantry_schema {
	size_t size;
	const char *name;	/* "gantry" */
	int64_t major, minor;	/* a store of another name is refused */
	const struct gantry_table *const *tables;
	unsigned n_tables;
};

/* What prepare is to do with the store. */
enum gantry_prepare {
	GANTRY_PREPARE_SERVE = 0,
	GANTRY_PREPARE_MIGRATE = 1,
	GANTRY_PREPARE_LOOK = 2,
};

/* What became of a call. Anything but STORED: nothing happened. */
enum gantry_stored {
	GANTRY_BROKEN = 0,	/* will not work again by itself: err says why */
	GANTRY_STORED = 1,
	GANTRY_CONFLICT,	/* roll back, load and decide again */
	GANTRY_AWAY,		/* surely not committed: hold and probe */
	GANTRY_FULL,		/* no room: refused until there is */
	GANTRY_REFUSED_ROW,	/* a CHECK or a type said no: run one by one */
};

#define GANTRY_BY_REF UINT32_MAX

/*
 * Which rows: those of table whose columns of index (a prefix of n of them,
 * for BY_REF the ref itself, n = 1) equal values. With via, values[0] is not
 * looked at: the first column is any value of via_column among the rows that
 * via finds (a sub-select; at most two deep). NULL equals nothing.
 */
struct gantry_key {
	size_t size;
	unsigned table;		/* position in the schema */
	unsigned index;		/* position in the table, or GANTRY_BY_REF */
	unsigned n;
	const struct gantry_value *values;
	const struct gantry_key *via;
	unsigned via_column;	/* in via's table */
};

/* Keys of one table, locked together; rows of a set are locked by ref. */
struct gantry_key_set {
	size_t size;
	const struct gantry_key *const *keys;
	size_t n;
};

/*
 * Takes one row that the key numbered key found. values are the table's
 * columns and live until row() returns; row() calls nothing of the storage.
 * The same row may come more than once. Not 0: stop, the calling function answers GANTRY_BROKEN.
 */
struct gantry_sink {
	int (*row)(void *context, size_t key, const struct gantry_value *values);
	void *context;
};

enum gantry_change_kind {
	GANTRY_GONE = 1,	/* the row with this ref, if it is there */
	GANTRY_CHANGED,		/* values of the columns in mask */
	GANTRY_NEW,		/* all values */
};

struct gantry_change {
	size_t size;
	enum gantry_change_kind kind;
	unsigned table;
	uint64_t mask;		/* CHANGED: bit i for column i, never the ref's */
	const struct gantry_value *values;	/* all columns; GONE: values[0] */
};

/*
 * Part of an index: bounds are prefixes of its columns, compared from the left
 * until they differ; a row with a NULL on the way is left out. A bound is not
 * NULL.
 */
struct gantry_range {
	size_t size;
	unsigned table;
	unsigned index;			/* or GANTRY_BY_REF */
	const struct gantry_value *from;	/* n_from values; 0: from the start */
	unsigned n_from;
	bool from_after;		/* begin behind rows equal to from */
	int64_t after_ref;		/* with n_from > 0 and from_after false: of
					   rows equal to from, only refs above; 0: all */
	const struct gantry_value *to;	/* inclusive, a prefix; n_to 0: to the end */
	unsigned n_to;
	size_t limit;			/* rows, 1 to 100000 */
};

enum {
	GANTRY_STORAGE_FORGETS = 1,	/* all is gone with the instance: for tests */
};

/*
 * Every function may be called as said by one thread at a time, or by any
 * where it says so. err gets a message whenever the answer is not STORED.
 * Waits are bounded by the storage's own options.
 */
struct gantry_storage {
	size_t size;

	/*
	 * SERVE: make the store fit the schema: create what is missing if it is
	 * new or of an older minor of the same major; run on any newer minor;
	 * refuse another major. Takes whatever lock keeps a second daemon out.
	 * MIGRATE: the same, and bring another major to this one if it can.
	 * LOOK: change nothing, take no lock, beside a daemon or not; the store
	 * must be there and of this major. Only lanes, read, scan and backup
	 * follow, and all see one snapshot, taken now.
	 * Once, before any other call; main thread. The schema lives as long
	 * as the instance.
	 */
	enum gantry_stored (*prepare)(void *self,
				      const struct gantry_schema *schema,
				      enum gantry_prepare mode,
				      struct gantry_error *err);

	/* Units that may be open at once, at least 1. Any thread. */
	unsigned (*lanes)(const void *self);

	/* Rows by many keys from one committed snapshot. Any thread. */
	enum gantry_stored (*read)(void *self,
				   const struct gantry_key *const *keys,
				   size_t n, const struct gantry_sink *sink,
				   struct gantry_error *err);

	/*
	 * Rows of an index in its order, then by ref; NULLs come first and are
	 * left out when a bound is given. One snapshot. Any thread.
	 */
	enum gantry_stored (*scan)(void *self, const struct gantry_range *range,
				   const struct gantry_sink *sink,
				   struct gantry_error *err);

	/*
	 * Open the unit of a lane (0 .. lanes-1). One thread per lane. May wait
	 * for the units of other processes: the core decides behind it what
	 * goes into the unit.
	 */
	enum gantry_stored (*begin)(void *self, unsigned lane, void **unit_out,
				    struct gantry_error *err);

	/*
	 * Lock each set in the order given, then give the rows of all sets and
	 * of keys as they are under those locks. Sink keys count through:
	 * first those of locks[0], then of locks[1] ..., then keys. now is the
	 * storage's clock in milliseconds, the same through a unit.
	 */
	enum gantry_stored (*load)(void *unit,
				   const struct gantry_key_set *const *locks,
				   size_t n_locks,
				   const struct gantry_key *const *keys,
				   size_t n_keys,
				   const struct gantry_sink *sink,
				   int64_t *now_ms_out,
				   struct gantry_error *err);

	/*
	 * Write final values. The core gives at most one change a row, in the
	 * order of the schema's tables. As if of one call all GONE came first
	 * and all NEW last, so a unique value may move to another row. NEW whose
	 * ref or unique index exists, and CHANGED of a row that is not there:
	 * CONFLICT. May be deferred until commit. Not STORED: the unit can only
	 * be rolled back.
	 */
	enum gantry_stored (*store)(void *unit,
				    const struct gantry_change *const *changes,
				    size_t n, struct gantry_error *err);

	/*
	 * Returns only when it knows. STORED: durable. Anything else: nothing
	 * of the unit happened. The unit is over either way.
	 */
	enum gantry_stored (*commit)(void *unit, struct gantry_error *err);

	/* Nothing of the unit happened; it is over. */
	void (*rollback)(void *unit);

	/*
	 * A consistent copy of the whole store into a new file, or NULL if the
	 * store has tools of its own for that. Any thread.
	 */
	enum gantry_stored (*backup)(void *self, const char *path,
				     struct gantry_error *err);

	/* GANTRY_STORAGE_...; 0 for one that a gateway is to run on. */
	unsigned flags;

	/*
	 * Whether the unit of this lane is in a commit() that cannot learn what
	 * became of it, as the store went away in the middle: it goes on asking,
	 * and meanwhile callers hear that their outcome is not known. NULL:
	 * never. Any thread.
	 */
	bool (*in_doubt)(const void *self, unsigned lane);
};

#ifdef __cplusplus
}
#endif

#endif
