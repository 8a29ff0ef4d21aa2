/* SPDX-License-Identifier: Apache-2.0 */
/* retry - see retry.h. */
#include "gateway/upstream/retry.h"

#include <string.h>
#include <strings.h>

bool retry_is_safe(const struct gantry_request *request)
{
	static const char *const safe[] = { "GET", "HEAD", "PUT", "DELETE",
					    "OPTIONS", "TRACE", NULL };
	static const char key[] = "Idempotency-Key:";

	for (size_t i = 0; safe[i] != NULL; i++)
		if (strcmp(request->method, safe[i]) == 0)
			return true;
	for (const char *const *h = request->headers; h != NULL && *h != NULL; h++)
		if (strncasecmp(*h, key, sizeof(key) - 1) == 0)
			return true;
	return false;
}

/* 501 and 505 are about what was asked, not about the moment. */
bool retry_is_transient(int status)
{
	return status == 408 || status == 429 ||
	       (status >= 500 && status != 501 && status != 505);
}

int64_t retry_wait(const struct retry_policy *policy, const struct retry_try *last,
		   uint32_t chance)
{
	int64_t most = policy->backoff_ms, wait;

	if (!last->transient || last->before >= policy->retries ||
	    last->after_ms > policy->max_backoff_ms)
		return -1;
	for (unsigned i = 0; i < last->before && most < policy->max_backoff_ms; i++)
		most *= 2;
	if (most > policy->max_backoff_ms)
		most = policy->max_backoff_ms;
	wait = (int64_t)(((uint64_t)chance * (uint64_t)(most + 1)) >> 32);
	if (last->after_ms > 0)
		wait += last->after_ms;
	return wait < last->left_ms ? wait : -1;
}
