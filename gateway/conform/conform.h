/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conform - the conformance kit of gantry/storage.h: does a storage keep the
 * contract? It works through the contract alone, on a schema of its own, and
 * knows no plugin.
 *
 * The store should be empty or hold only what the kit left there before: rows
 * stay in it. gantry-plugins(1) says what each check proves.
 */
#ifndef CONFORM_CONFORM_H
#define CONFORM_CONFORM_H

#include <stdio.h>

#include <gantry/storage.h>

struct conform_ops {
	const struct gantry_storage *storage;
	void *context;
	/*
	 * A new instance on the same store, not prepared; 0, or -1 with err.
	 * Also in a child of fork(), where nothing else is open.
	 */
	int (*open)(void *context, void **self_out, struct gantry_error *err);
	void (*close)(void *context, void *self);
	bool keeps;	/* what was committed is there after close and open */
	bool checks;	/* that CHECK expressions are enforced is demanded */
	/* The same on what backup wrote to path; NULL: nobody knows how. */
	int (*open_copy)(void *context, const char *path, void **self_out,
			 struct gantry_error *err);
};

/* AWAY: nothing is known, as the store cannot be reached; why is what it says. */
enum conform_verdict { CONFORM_OK, CONFORM_FAILED, CONFORM_SKIPPED, CONFORM_AWAY };

struct conform_result {
	const char *name;		/* "unit: rollback" */
	enum conform_verdict verdict;
	const char *why;		/* "" if it is OK */
	int64_t ms;
};

/* How to run; zeroed: all checks, the shortest way. */
struct conform_how {
	const char *only;	/* checks whose names begin so; NULL: all */
	uint64_t seed;		/* of what is random; 0: by the clock */
	unsigned effort;	/* how often what is random; 0: once */
	int patience_ms;	/* how long the storage may wait for a lock; 0: 15 s */
	/*
	 * A command for sh that takes the store away for a moment, for one check
	 * more; NULL: none.
	 */
	const char *disturb;
	/* Before each check, and after it; either may be NULL. */
	void (*begins)(void *context, const char *name);
	void (*told)(void *context, const struct conform_result *result);
	void *context;
};

/*
 * Runs the checks and returns how many failed. A store that cannot even be
 * opened is one failed check, "open"; one that is away in the end, too, and
 * none of the rest is run. Starts and ends threads and children of
 * its own, so the process should have no other threads. Main thread.
 */
int conform_run_how(const struct conform_ops *ops, const struct conform_how *how);

/*
 * The same, all checks the shortest way, one line each in report: "ok NAME",
 * "FAILED NAME: what was seen", "skipped NAME: why" or "AWAY NAME: why".
 */
int conform_run(const struct conform_ops *ops, FILE *report);

/* One such line. */
void conform_print(FILE *report, const struct conform_result *result);

/* The name of check number n from 0 on; NULL behind the last. */
const char *conform_name(size_t n);

#endif
