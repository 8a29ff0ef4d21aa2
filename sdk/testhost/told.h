/* SPDX-License-Identifier: Apache-2.0 */
/*
 * told - what a test said that upstreams answer, and which requests were made of
 * them.
 */
#ifndef GANTRY_TESTHOST_TOLD_H
#define GANTRY_TESTHOST_TOLD_H

#include "gateway/base/arena.h"
#include "gateway/pipeline/call.h"
#include "testhost.h"

struct told_answer;
struct told_request;

struct told {
	struct arena arena;		/* all below lives in it; ended by whoever
					   has this */
	struct told_answer *answers;	/* the newest first, as all lists here */
	struct told_request *requests;
	unsigned n_requests;
};

void told_add(struct told *told, const struct testhost_upstream *upstream);
/* For the engine: a struct told makes calls. */
void told_call(void *told, struct call *call);
/* The n-th, from 0 on, or NULL. */
const struct gantry_request *told_request(const struct told *told, unsigned n);

#endif
