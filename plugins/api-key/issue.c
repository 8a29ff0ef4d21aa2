/* SPDX-License-Identifier: Apache-2.0 */
/* issue - see issue.h. */
#include "issue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "keys.h"

/* Tells a key from other secrets, for whoever searches for leaked ones. */
#define ISSUE_PREFIX "gantry_"
#define ISSUE_BYTES 32
#define ISSUE_SIZE (sizeof(ISSUE_PREFIX) + 2 * ISSUE_BYTES)

_Static_assert(ISSUE_SIZE - 1 <= API_KEY_LONGEST, "what is issued is taken");
_Static_assert(API_KEY_NAME_MAX + API_KEY_ROLES * (API_KEY_NAME_MAX + 1) +
			       2 * API_KEY_HASH + 3 < GANTRY_TOKEN_SIZE,
	       "every line has room");

static void issue_hex(const unsigned char *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static int issue_check(const char *name, const char *const *roles,
		       struct gantry_error *err)
{
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

static void issue_line(const char *name, const char *const *roles,
		       const char *key, char *out)
{
	unsigned char hash[API_KEY_HASH];

	out = stpcpy(stpcpy(out, name), " ");
	for (unsigned i = 0; roles[i] != NULL; i++)
		out = stpcpy(stpcpy(out, i > 0 ? "," : ""), roles[i]);
	out = stpcpy(out, " ");
	api_key_hash(key, strlen(key), hash);
	issue_hex(hash, sizeof(hash), out);
}

int api_key_issue(const char *name, const char *const *roles,
		  char *credential_out, char *line_out, struct gantry_error *err)
{
	unsigned char bytes[ISSUE_BYTES];

	if (issue_check(name, roles, err) < 0)
		return -1;
	/* at most 256 bytes come whole, once the kernel has begun */
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return gantry_fail(err, "no random bytes: %s", strerror(errno));
	issue_hex(bytes, sizeof(bytes), stpcpy(credential_out, ISSUE_PREFIX));
	explicit_bzero(bytes, sizeof(bytes));
	issue_line(name, roles, credential_out, line_out);
	return 0;
}
