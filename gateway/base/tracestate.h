/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracestate - what tracing systems say to themselves beside a traceparent (W3C
 * Trace Context): "vendor=value, other@vendor=value". It is handed on, and nothing
 * of it is ours.
 *
 * Knows the text alone: who sent it, and whether its trace goes on, is the
 * callers' matter.
 */
#ifndef BASE_TRACESTATE_H
#define BASE_TRACESTATE_H

#include <stdbool.h>

struct arena;

#define TRACESTATE_MAX 512	/* bytes that everybody has to hand on */
#define TRACESTATE_MAX_MEMBERS 32

/*
 * Whether it is well-formed and says something. A key that is there twice is
 * nobody's fault but its vendor's, and stays.
 */
bool tracestate_is_valid(const char *text);
/*
 * A valid one within TRACESTATE_MAX, as the standard has it: members of more than
 * 128 bytes go first, then those at the end, which are the oldest. text itself if
 * it is no longer than that; NULL if nothing is left.
 */
const char *tracestate_cut(struct arena *arena, const char *text);

#endif
