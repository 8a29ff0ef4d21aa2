/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broken - storages round another one, each with one fault, to prove that the
 * conformance kit finds it.
 */
#ifndef TESTS_BROKEN_H
#define TESTS_BROKEN_H

#include "tests/plugins/store.h"

enum broken_fault {
	BROKEN_NOT,		/* none: the wrapper itself must pass */

	/* broken.c, over a storage with one lane */
	BROKEN_ROLLBACK,	/* rollback commits */
	BROKEN_OVERWRITE,	/* NEW takes the place of a row that is there */
	BROKEN_PAGE,		/* a scan after a ref gives that row again */
	BROKEN_EARLY,		/* each store is committed at once */
	BROKEN_NULL,		/* NULL collides in unique indexes */
	BROKEN_MASK,		/* a change writes all columns */
	BROKEN_NUMBER,		/* load counts its keys anew after the locks */
	BROKEN_CUT,		/* long text is cut off */
	BROKEN_LIMIT,		/* a scan gives 100 rows at most */
	BROKEN_CLOCK,		/* now is another in each load */
	BROKEN_CLOCK_STANDS,	/* now is when it was prepared */
	BROKEN_GUESS_YES,	/* commit that does not know says STORED */
	BROKEN_GUESS_NO,	/* commit that does not know says AWAY */
	BROKEN_AWAY,		/* none: it is away, from when this is set */

	/* the same, over one that keeps */
	BROKEN_ABSENT,		/* a change of a row that is not there is STORED */
	BROKEN_COLUMN,		/* an older gateway's change empties newer columns */
	BROKEN_MINOR,		/* an older gateway is refused */
	BROKEN_MAJOR,		/* another major is not */
	BROKEN_NAME,		/* nor a schema of another name */
	BROKEN_OPEN,		/* who comes second at the start hears CONFLICT */
	BROKEN_LOOK_SERVES,	/* one that looks takes the lock, and would write */
	BROKEN_LOOK_NOW,	/* one that looks has no snapshot */
	BROKEN_BACKUP_OVER,	/* a backup takes the place of a file */
	BROKEN_BACKUP_EMPTY,	/* a backup has nothing in it */
	BROKEN_LATE,		/* STORED is told before it is durable */
	BROKEN_HALVES,		/* commit does one change after the other */

	/* lanes.c */
	BROKEN_NO_LOCK,		/* load locks nothing */
	BROKEN_SNAPSHOT,	/* load locks and reads in one snapshot */
	BROKEN_AS_ASKED,	/* load locks in the order in which it was asked */
	BROKEN_PATIENT,		/* load waits for a lock for ever */
	BROKEN_TORN,		/* read takes a snapshot for each key */
	BROKEN_NOTHING,		/* NEW and exists: nothing is done, and STORED */
	BROKEN_STALE,		/* an instance reads as of when it was prepared */
	BROKEN_BESIDE,		/* no newer gateway beside an older one */
	BROKEN_FAULTS,
};

struct broken_store {
	struct store inner;
	enum broken_fault fault;
	int64_t minor;			/* the newest that it has had */
};

extern const struct gantry_storage broken_storage;

/* A conform_ops.open and .close; context is a struct broken_store. */
int broken_open(void *context, void **self_out, struct gantry_error *err);
void broken_close(void *context, void *self);
int broken_open_copy(void *context, const char *path, void **self_out,
		     struct gantry_error *err);

#endif
