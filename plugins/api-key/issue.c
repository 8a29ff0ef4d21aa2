/* SPDX-License-Identifier: Apache-2.0 */
/* issue - see issue.h. */
#include "issue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "keys.h"

/* Tells a key from other secrets, for whoever searches for leaked ones. */
#define ISSUE_PREFIX "gantry_"
#define ISSUE_BYTES 32
#define ISSUE_SIZE (sizeof(ISSUE_PREFIX) + 2 * ISSUE_BYTES)

_Static_assert(ISSUE_SIZE - 1 <= API_KEY_LONGEST, "what is issued is taken");
_Static_assert(API_KEY_NAME_MAX + API_KEY_ROLES * (API_KEY_NAME_MAX + 1) +
			       2 * API_KEY_HASH + 64 < GANTRY_TOKEN_SIZE,
	       "every line has room");

static void issue_hex(const unsigned char *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static int issue_check(const struct gantry_enrollment *issue, struct gantry_error *err)
{
	const char *name = issue->name, *const *roles = issue->roles;
	unsigned n = 0;

	if (!api_key_is_name(name))
		return gantry_fail(err, "name: not 1 to %u of A-Z a-z 0-9 "
				   ". _ : @ / + -: \"%s\"", API_KEY_NAME_MAX, name);
	for (; roles[n] != NULL; n++)
		if (!api_key_is_name(roles[n]))
			return gantry_fail(err, "role: not 1 to %u of A-Z a-z 0-9 "
					   ". _ : @ / + -: \"%s\"",
					   API_KEY_NAME_MAX, roles[n]);
	if (n == 0 || n > API_KEY_ROLES)
		return gantry_fail(err, "1 to %d roles are needed", API_KEY_ROLES);
	return 0;
}

static char *issue_until(int64_t until_ms, char *out)
{
	time_t seconds = (time_t)(until_ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL)
		return out;
	return out + strftime(out, 40, " until=%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void issue_line(const struct gantry_enrollment *issue, const char *key, char *out)
{
	unsigned char hash[API_KEY_HASH];

	out = stpcpy(stpcpy(out, issue->name), " ");
	for (unsigned i = 0; issue->roles[i] != NULL; i++)
		out = stpcpy(stpcpy(out, i > 0 ? "," : ""), issue->roles[i]);
	out = stpcpy(out, " ");
	api_key_hash(key, strlen(key), hash);
	issue_hex(hash, sizeof(hash), out);
	if (issue->until_ms != 0)
		issue_until(issue->until_ms, out + 2 * sizeof(hash));
}

int api_key_issue(const struct gantry_enrollment *issue, char *credential_out,
		  char *line_out, struct gantry_error *err)
{
	unsigned char bytes[ISSUE_BYTES];

	if (issue_check(issue, err) < 0)
		return -1;
	/* at most 256 bytes come whole, once the kernel has begun */
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return gantry_fail(err, "no random bytes: %s", strerror(errno));
	issue_hex(bytes, sizeof(bytes), stpcpy(credential_out, ISSUE_PREFIX));
	explicit_bzero(bytes, sizeof(bytes));
	issue_line(issue, credential_out, line_out);
	return 0;
}
