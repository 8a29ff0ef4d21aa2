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

	/* lanes.c */
	BROKEN_NO_LOCK,		/* load locks nothing */
	BROKEN_SNAPSHOT,	/* load locks and reads in one snapshot */
	BROKEN_AS_ASKED,	/* load locks in the order in which it was asked */
	BROKEN_PATIENT,		/* load waits for a lock for ever */
	BROKEN_TORN,		/* read takes a snapshot for each key */
	BROKEN_NOTHING,		/* NEW and exists: nothing is done, and STORED */
	BROKEN_FAULTS,
};

struct broken_store {
	struct store inner;
	enum broken_fault fault;
};

extern const struct gantry_storage broken_storage;

/* A conform_ops.open and .close; context is a struct broken_store. */
int broken_open(void *context, void **self_out, struct gantry_error *err);
void broken_close(void *context, void *self);

#endif
