/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traces - takes spans out of their queue and sends them to an OTLP receiver, in
 * batches, on a thread of its own. A receiver that is slow or away costs spans,
 * which are counted, and nothing else.
 */
#ifndef OBSERVE_TRACES_H
#define OBSERVE_TRACES_H

#include "gateway/config/config.h"

struct exposition;
struct spans;
struct traces;

/*
 * Starts the thread, if the configuration has traces; else *traces_out is NULL, and
 * that is fine for all below. 0, or -1 with err. replica is the name of this one;
 * what is needed of it and of the configuration is copied. Main thread.
 */
int traces_start(const struct config *config, const char *replica,
		 struct traces **traces_out, struct gantry_error *err);
/* What is left is sent within two seconds or dropped. Nobody leaves spans any more.
   Main thread. */
void traces_stop(struct traces **traces);

/* Where spans go; NULL if tracing is off. Any thread. */
struct spans *traces_spans(const struct traces *traces);

/* From now on, of the traces that begin here; 0 to 1. Any thread. */
void traces_set_ratio(struct traces *traces, double ratio);

struct traces_counts {
	uint64_t exported;
	uint64_t full;			/* dropped: the queue was */
	uint64_t lost;			/* the receiver did not take them */
	uint64_t rejected;		/* it took the batch, but not them */
	uint64_t failures;		/* of batches, each time */
	uint64_t waiting;
	double ratio;
};
/* All zero if tracing is off. Any thread. */
struct traces_counts traces_counts(const struct traces *traces);

/* For the metrics page. */
void traces_write(const struct traces *traces, struct exposition *x);

#endif
