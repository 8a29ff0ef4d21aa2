/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backlog - work that waits in the records of a handler instance, for the
 * operator to see: how much of it there is, and since when the oldest waits.
 *
 * A plugin declares it and is not called for it. The core looks into the
 * records every few seconds and shows gantry_backlog_waiting and
 * gantry_backlog_age_seconds on the metrics page, with the name of the instance
 * and that of the backlog: see gantry-metrics(7).
 *
 * Counting records one by one would take the longer the more wait. So the plugin
 * keeps the number: one record with a whole number, which its messages read and
 * put, or a few, by whatever spreads them.
 */
#ifndef GANTRY_BACKLOG_H
#define GANTRY_BACKLOG_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GANTRY_MAX_BACKLOGS 8	/* of a plugin */
#define GANTRY_MAX_COUNTS 256	/* records of the space counts that are looked at */

/* Level 1. */
struct gantry_backlog {
	size_t size;
	const char *name;		/* "requests": a-z, 0-9, _ and - */
	const char *summary;		/* one line */
	const char *counts;		/* the space of the records whose numbers,
					   added up, say how much waits */
	const char *waiting;		/* the space in which what waits has its
					   records, the oldest first in the order
					   of their keys: those of gantry_mint()
					   are so. The age is that of the first,
					   since it was put */
};

#define GANTRY_BACKLOG(...)                                        \
	&(const struct gantry_backlog)                             \
	{                                                          \
		.size = sizeof(struct gantry_backlog), __VA_ARGS__ \
	}

#ifdef __cplusplus
}
#endif

#endif
