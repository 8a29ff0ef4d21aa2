/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease - a wish for a lease, and what became of it. A lease is a row that
 * says who does something until when, by the storage's clock. It saves work
 * and makes nothing correct.
 */
#ifndef PIPELINE_LEASE_H
#define PIPELINE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

enum lease_how {
	LEASE_KEEP,		/* it is ours since epoch: keep it */
	LEASE_TAKE,		/* if it is free, has run out or is ours */
	LEASE_SEIZE,		/* whoever has it */
	LEASE_TURN,		/* if it has run out, whoever had it: the next one
				   runs out a whole number of times ms after it */
};

struct lease {
	const char *name;
	enum lease_how how;
	int64_t ms;		/* how long it is to be */
	int64_t since;		/* KEEP: the epoch that is ours */
	/* answer */
	int64_t epoch;		/* the one that stands */
	bool held;		/* by this replica */
	bool namesake;		/* not held: our own name has it */
	int64_t left_ms;	/* until it runs out */
};

#endif
