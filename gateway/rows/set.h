/* SPDX-License-Identifier: Apache-2.0 */
/*
 * set - the rows that a unit works on: what storage gave, what was changed,
 * and how to take back what one message did.
 *
 * Knows a schema, no storage and no word of the domain. One thread.
 */
#ifndef ROWS_SET_H
#define ROWS_SET_H

#include <gantry/storage.h>

#include "gateway/base/arena.h"

enum row_state {
	ROW_STORED,	/* as storage has it */
	ROW_CHANGED,
	ROW_NEW,
	ROW_GONE,	/* was stored, is to be removed */
	ROW_VOID,	/* was new, is gone again: storage never hears of it */
};

struct row {
	struct row *next;		/* in rowset_table.rows */
	unsigned table;
	enum row_state state;
	unsigned epoch;			/* mark since which it is saved for undo */
	uint64_t mask;			/* CHANGED: columns that differ */
	struct gantry_value values[];	/* of all columns; lives as the set */
};

/* As gantry/storage.h says. */
#define ROWSET_MAX_COLUMNS 60

struct row_undo;
struct rowset_table;

struct rowset {
	const struct gantry_schema *schema;
	struct rowset_table *tables;
	struct arena arena;		/* rows and their texts */
	struct row_undo *undo;
	unsigned epoch;
};

void rowset_init(struct rowset *set, const struct gantry_schema *schema);
void rowset_fini(struct rowset *set);
/* Forget all rows; every row and text of them is invalid then. */
void rowset_reset(struct rowset *set);

/* Take in a row from storage, copied; one that is there already stays. */
struct row *rowset_take(struct rowset *set, unsigned table,
			const struct gantry_value *values);
/* A sink that takes rows; keys tells the table of each key number. */
struct rowset_sink {
	struct rowset *set;
	const struct gantry_key *const *keys;
};
int rowset_sink_row(void *rowset_sink, size_t key,
		    const struct gantry_value *values);

/* A new row: ref and version 1, all other columns NULL. */
struct row *rowset_new(struct rowset *set, unsigned table, int64_t ref);
/* The same with a version that no row of this key had before. */
struct row *rowset_new_version(struct rowset *set, unsigned table, int64_t ref,
			       int64_t version);
void rowset_remove(struct rowset *set, struct row *row);
/* A row that may be in storage is to be removed, known to the set or not. */
void rowset_drop(struct rowset *set, unsigned table, int64_t ref);

/*
 * Look-ups see rows that are there now (not GONE, not VOID); NULL: none. The
 * first n columns of the index equal values. NULL values equal nothing.
 */
struct row *rowset_by_ref(const struct rowset *set, unsigned table, int64_t ref);
struct row *rowset_find(const struct rowset *set, unsigned table, unsigned index,
			const struct gantry_value *values, unsigned n);
/* The next one after row in the same sense, in no order. */
struct row *rowset_find_next(const struct rowset *set, const struct row *row,
			     unsigned index, const struct gantry_value *values,
			     unsigned n);
/* All rows of a table, GONE and VOID ones too, newest first: follow ->next. */
struct row *rowset_rows(const struct rowset *set, unsigned table);

/* Columns: numbers and texts of rows; asserts that the column is not NULL. */
int64_t row_number(const struct row *row, unsigned column);
/* NUL-terminated; NULL if the column is NULL. Lives as long as the set. */
const char *row_text(const struct row *row, unsigned column);
bool row_is_null(const struct row *row, unsigned column);
/* Its version as it was at the last mark; 0: there was no such row. */
int64_t row_version_before(const struct rowset *set, const struct row *row);

/*
 * Setting: the first change since the last mark saves the row for undo and
 * adds 1 to its version (not for rows that are NEW since that mark). A value
 * that is there already is no change. Setting the first column of an index
 * moves the row to another chain: not while rowset_find_next() walks that one.
 */
void row_set_number(struct rowset *set, struct row *row, unsigned column,
		    int64_t number);
/* Its version stays, unless more is set: after all else of its message. */
void row_set_quietly(struct rowset *set, struct row *row, unsigned column,
		     int64_t number);
void row_set_text(struct rowset *set, struct row *row, unsigned column,
		  const char *text);		/* copied; NULL: NULL */
void row_set_text_n(struct rowset *set, struct row *row, unsigned column,
		    const char *text, size_t len);
/* Not copied: text, ended by NUL, lives at least as long as the set's rows. */
void row_set_text_kept(struct rowset *set, struct row *row, unsigned column,
		       const char *text, size_t len);
void row_set_null(struct rowset *set, struct row *row, unsigned column);

/*
 * Begin the changes of one message; rowset_undo() takes back to there, and is
 * a mark itself. A row that was new since the mark is VOID then.
 */
void rowset_mark(struct rowset *set);
void rowset_undo(struct rowset *set);

/*
 * What storage must be told: one change a row, by table in the schema's
 * order; within a table GONE and CHANGED rows by ref, then NEW ones by their
 * first unique index (so a key that a change frees can be taken anew). The
 * array lives in arena a, the values in the set.
 */
const struct gantry_change *const *rowset_changes(struct rowset *set,
						  struct arena *a,
						  size_t *n_out);

static inline struct gantry_value value_number(int64_t n)
{
	return (struct gantry_value){ .kind = GANTRY_INT64, .is.number = n };
}
struct gantry_value value_text(const char *text);	/* NULL: NULL; not copied */
bool value_equal(const struct gantry_value *a, const struct gantry_value *b);

#endif
