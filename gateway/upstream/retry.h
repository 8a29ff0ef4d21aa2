/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry - whether a call may be made again, and how long to wait before. Pure:
 * chance and time are passed in.
 */
#ifndef UPSTREAM_RETRY_H
#define UPSTREAM_RETRY_H

#include <gantry/ask.h>

struct retry_policy {
	int64_t retries;
	int64_t backoff_ms, max_backoff_ms;
};

/* What one try came to. */
struct retry_try {
	bool transient;			/* what failed may work the next time */
	int64_t after_ms;		/* Retry-After; 0: not said */
	unsigned before;		/* tries that were made before this one */
	int64_t left_ms;		/* until the call must be over */
};

/* Whether making it twice is the same as making it once (RFC 9110 9.2.2). */
bool retry_is_safe(const struct gantry_request *request);

/* A status that may be another one the next time. */
bool retry_is_transient(int status);

/*
 * Milliseconds to wait: exponential backoff with full jitter, and never less
 * than the upstream asked for. -1: no more tries. chance: any 32 bits.
 */
int64_t retry_wait(const struct retry_policy *policy, const struct retry_try *last,
		   uint32_t chance);

#endif
