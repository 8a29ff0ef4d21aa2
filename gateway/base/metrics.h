/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics - counters and histograms by families and labels.
 *
 * The families are a table that is given at the start; what can be counted is
 * fixed by it, and so is the memory. Each processor has cells of its own, in
 * cache lines of its own: counting takes no lock and shares nothing but with
 * a thread that is moved away in between, which is right as well, only slower.
 * They are added up when they are written. Knows nothing of what is counted.
 *
 * A NULL struct metrics counts nothing, so that who counts need not look.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdint.h>

struct exposition;
struct metrics;

#define METRICS_LABELS 2
#define METRICS_BOUNDS 24

/* One label: its values are known, or come as they are met. */
struct metrics_label {
	const char *name;
	const char *const *values;	/* NULL at the end, "" is none; or NULL:
					   they come */
	unsigned room;			/* for so many; the rest is "other" */
};

struct metrics_family {
	const char *name, *help;
	const struct metrics_label *labels[METRICS_LABELS];	/* NULL: no more */
	const uint64_t *bounds;		/* of a histogram, upper ones, rising */
	unsigned n_bounds;		/* 0: a counter */
	unsigned decimals;		/* what is counted is 10^-decimals: 9 for
					   nanoseconds that are shown as seconds */
};

/* The table and all in it outlive the metrics. Main thread. */
struct metrics *metrics_new(const struct metrics_family *families, unsigned n);
void metrics_free(struct metrics **metrics);

/*
 * The number of a value of a label whose values come: always the same for the
 * same text, that of "other" for what has no room (or NULL). 0 without metrics.
 * Any thread; waits only for a text that is new.
 */
unsigned metrics_value(struct metrics *m, const struct metrics_label *label,
		       const char *text);

/* n more; a and b are the numbers of the labels' values, 0 where there is no
   label. Any thread, never waits. */
void metrics_add(struct metrics *m, unsigned family, unsigned a, unsigned b,
		 uint64_t n);
/* One value of a histogram. */
void metrics_observe(struct metrics *m, unsigned family, unsigned a, unsigned b,
		     uint64_t value);
/* The same, of the nanoseconds since then by clock_steady_ns(). */
void metrics_observe_since(struct metrics *m, unsigned family, unsigned a,
			   unsigned b, int64_t began_ns);

/* What a counter has come to, or the count of a histogram; for tests. */
uint64_t metrics_count(const struct metrics *m, unsigned family, unsigned a,
		       unsigned b);

/*
 * All families. Series whose values are all known are there from the start,
 * others with their first count. Numbers of one series fit each other. Any
 * thread.
 */
void metrics_write(const struct metrics *m, struct exposition *x);

#endif
