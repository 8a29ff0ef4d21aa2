/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kit - what the checks share: the schema, rows, units, and how to fail.
 */
#ifndef CONFORM_KIT_H
#define CONFORM_KIT_H

#include <stdatomic.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/conform/conform.h"

enum { HOLDERS, THINGS, PARTS, LINES, LATER };
enum { REF, VERSION, NAME, NOTE, NUMBER, EXTRA };	/* of holders */
enum { HOLDERS_NAME, HOLDERS_NUMBER, HOLDERS_EXTRA };
enum { HOLDER = 2, KIND, LIVE };			/* of things */
enum { THINGS_LIVE };					/* unique, all three */
enum { THING = 2, LABEL };				/* of parts */
enum { PARTS_THING };
enum { LINE_A = 2, LINE_B };				/* of lines */
enum { LINES_AB };
enum { KIT_COLUMNS = 6 };

extern const struct gantry_schema kit_schema_old;	/* 1.0 */
extern const struct gantry_schema kit_schema_new;	/* 1.1 */
extern const struct gantry_schema kit_schema_other;	/* 2.0 */

struct kit {
	const struct conform_ops *ops;
	const struct gantry_storage *st;
	void *self;			/* NULL: not open */
	const struct gantry_schema *schema;
	struct arena arena;		/* of one check */
	struct gantry_error err;	/* of the last call */
	char seen[600];			/* why the check fails, or is skipped */
	int64_t last_ref;
	uint64_t seed, first_seed;	/* as it is now, and as it began */
	unsigned effort;		/* at least 1 */
	int patience_ms;
	const char *disturb;
	unsigned lane;			/* that kit_begin() takes */
	unsigned number, crowd;		/* of how many members, from 0 on */
	void *other;			/* kit_other(); NULL: not open */
	char alone[300];		/* why there is no other, or "" */
	const atomic_int *running;	/* members of the crowd that still run */
};

struct kit_row {
	size_t key;
	struct gantry_value values[KIT_COLUMNS];
};

/* What a sink took; texts are copies in the arena. */
struct kit_rows {
	struct kit *kit;		/* whose arena it is */
	const struct gantry_table *table;	/* of all of them, or: */
	const struct gantry_table *const *by_key;
	struct kit_row *rows;
	size_t n, room;
};

/* Keys to lock, one set for those of a table that follow each other, then keys
   to read as well; rows has what they found, and now_ms the time. */
struct kit_load {
	const struct gantry_key *locks, *keys;
	size_t n_locks, n_keys;
	struct kit_rows *rows;
	int64_t now_ms;
};

/*
 * A check: 0, -1 by kit_fail(), 1 by kit_skip(). Left out if the storage lacks
 * its need.
 */
struct kit_check {
	const char *name;
	int (*run)(struct kit *k);
	enum {
		NEEDS_NOTHING,
		NEEDS_KEEPS,	/* a store that is there when opened again */
		NEEDS_CROWD,	/* several units at once */
		NEEDS_OTHER,	/* several instances at once, kit_other() */
		NEEDS_NOT_EVEN_OPEN,
		NEEDS_DISTURB,	/* a command of the user's */
	} needs;
};

/* Ended by an empty one. */
extern const struct kit_check kit_checks_open[], kit_checks_model[],
	kit_checks_pages[],
	kit_checks_row[], kit_checks_key[],
	kit_checks_unit[], kit_checks_scan[], kit_checks_race[],
	kit_checks_claim[], kit_checks_lock[],
	kit_checks_crash[], kit_checks_several[], kit_checks_look[],
	kit_checks_reopen[], kit_checks_backup[], kit_checks_disturb[];

int kit_fail(struct kit *k, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* 1: what the check looks at is something that this storage need not have. */
int kit_skip(struct kit *k, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* 0 if got is wanted, else -1, naming what, both answers and the message. */
int kit_want(struct kit *k, enum gantry_stored got, enum gantry_stored wanted,
	     const char *what);

/* Where CONFLICT is an answer like another: 1 STORED, 0 CONFLICT, else -1. */
int kit_raced(struct kit *k, enum gantry_stored got, const char *what);

int64_t kit_ref(struct kit *k);		/* a new one, greater than all before */
struct gantry_value kit_null(void);
struct gantry_value kit_number(int64_t number);
struct gantry_value kit_text(const char *text);
/* "prefix-REF" in the arena: an id that no other run has used. */
struct gantry_value kit_id(struct kit *k, const char *prefix);
bool kit_equal(const struct gantry_value *a, const struct gantry_value *b);

struct gantry_change kit_change(enum gantry_change_kind kind, unsigned table,
				const struct gantry_value *values, uint64_t mask);
struct gantry_key kit_key(unsigned table, unsigned index, unsigned n,
			  const struct gantry_value *values);

int kit_open(struct kit *k, const struct gantry_schema *schema);
void kit_close(struct kit *k);

/* The calls of a unit, in the kit's lane, with err reset before. */
enum gantry_stored kit_begin(struct kit *k, void **unit_out);
enum gantry_stored kit_load(struct kit *k, void *unit, struct kit_load *load);
enum gantry_stored kit_store(struct kit *k, void *unit,
			     const struct gantry_change *changes, size_t n);
enum gantry_stored kit_commit(struct kit *k, void *unit);
/* Store, and commit; or rollback where store says no. */
enum gantry_stored kit_end(struct kit *k, void *unit,
			   const struct gantry_change *changes, size_t n);
/* One unit: begin, store, commit, or rollback where one of them says no. */
enum gantry_stored kit_unit(struct kit *k, const struct gantry_change *changes,
			    size_t n);
/* A committed holder or thing; its ref, or -1 with the check failed. */
int64_t kit_holder(struct kit *k, struct gantry_value name);
int64_t kit_thing(struct kit *k, int64_t holder, const char *kind,
		  struct gantry_value live);

struct gantry_sink kit_sink(struct kit_rows *rows);
/* Read by one key into *rows. */
int kit_read(struct kit *k, const struct gantry_key *key, struct kit_rows *rows);
/* How many rows have this ref: 0 or 1, or -1 with the check failed. */
int kit_count(struct kit *k, unsigned table, int64_t ref);
/* The row with this ref; -1 with the check failed if it is not there. */
int kit_row(struct kit *k, unsigned table, int64_t ref, struct kit_row *row_out);

/* scan.c */

/* Rows of lines with a from base on, sorted by a, b, ref. */
struct kit_lines {
	int64_t base;
	struct gantry_value (*rows)[4];
	size_t n;
};
/* For qsort(). */
int kit_lines_order(const void *x, const void *y);
/* Whether a scan gives exactly what it should of lines, in their order. */
int kit_lines_are(struct kit *k, const struct kit_lines *lines,
		  const struct gantry_range *range, const char *what);

/* crowd.c */

/*
 * A second instance on the same store in k->other, until kit_close(). 1 by
 * kit_skip() if the storage has one at a time, which is its right.
 */
int kit_other(struct kit *k);
/* How many units can be open at once, of both instances, up to KIT_CROWD. */
enum { KIT_CROWD = 6 };
unsigned kit_crowd_size(struct kit *k);
/*
 * Runs run() in n threads at once (0: as many as there can be units), each with
 * a kit of its own: an instance, a lane, refs, an arena and an error. 0, or -1
 * with what the first of them to fail has seen. The last may be one more, for
 * one that only reads.
 */
struct kit_crowd {
	int (*run)(struct kit *k, void *job);
	int (*watch)(struct kit *k, void *job);	/* one more thread, or NULL */
	void *job;
	unsigned n;
};
int kit_crowd(struct kit *k, const struct kit_crowd *crowd);
/*
 * All members come to a round (0, 1 ...) at the same time, or nearly: 0; 1 if
 * one has ended, for which there is a reason that it tells; -1 by kit_fail().
 */
int kit_meet(struct kit *k, atomic_int *arrived, unsigned round);
/* A number from 0 to below, the next of the kit's seed. */
uint64_t kit_dice(struct kit *k, uint64_t below);
/* Until *value is at least wanted; false after ms. */
bool kit_await(const atomic_int *value, int wanted, int ms);
void kit_sleep(int ms);
/* Long enough for whoever is not locked out to come in. */
void kit_pause(void);

#endif
