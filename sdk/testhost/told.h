/* SPDX-License-Identifier: Apache-2.0 */
/*
 * told - the upstreams of the test host: what the test said that they answer,
 * and what they were asked. Knows no handlers.
 */
#ifndef TESTHOST_TOLD_H
#define TESTHOST_TOLD_H

#include "gateway/base/arena.h"
#include "gateway/pipeline/call.h"
#include "testhost.h"

struct told_answer;

/* Zeroed is empty; arena_fini() of its arena ends it. */
struct told {
	struct arena arena;
	struct told_answer *answers;	/* the newest first */
	const char *called;		/* the last request, or NULL */
	unsigned calls;			/* one at a time: no lock */
};

void told_add(struct told *told, const struct testhost_upstream *upstream);

/* For struct call_maker. */
void told_call(void *told, struct call *call);

#endif
