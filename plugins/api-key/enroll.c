/* SPDX-License-Identifier: Apache-2.0 */
/* enroll - see enroll.h. */
#include "enroll.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "keys.h"

/* Tells a key from other secrets, for whoever searches for leaked ones. */
#define ENROLL_PREFIX "gantry_"
#define ENROLL_BYTES 32
#define ENROLL_YEAR_10000_MS INT64_C(253402300800000)
#define ENROLL_SIZE (sizeof(ENROLL_PREFIX) + 2 * ENROLL_BYTES)

_Static_assert(ENROLL_SIZE - 1 <= API_KEY_LONGEST, "what is given is taken");
_Static_assert(API_KEY_NAME_MAX + API_KEY_ROLES * (API_KEY_NAME_MAX + 1) +
			       2 * API_KEY_HASH + 64 < GANTRY_TOKEN_SIZE,
	       "every line has room");

static void enroll_hex(const unsigned char *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static int enroll_check(const struct gantry_enrolment *who, struct gantry_error *err)
{
	const char *name = who->name, *const *roles = who->roles;
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
	if (who->until_ms < 0 || who->until_ms >= ENROLL_YEAR_10000_MS)
		return gantry_fail(err, "until: not from 1970 to 9999");
	return 0;
}

static void enroll_until(int64_t until_ms, char *out)
{
	time_t seconds = (time_t)(until_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(out, 40, " until=%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void enroll_line(const struct gantry_enrolment *who, const char *key, char *out)
{
	unsigned char hash[API_KEY_HASH];

	out = stpcpy(stpcpy(out, who->name), " ");
	for (unsigned i = 0; who->roles[i] != NULL; i++)
		out = stpcpy(stpcpy(out, i > 0 ? "," : ""), who->roles[i]);
	out = stpcpy(out, " ");
	api_key_hash(key, strlen(key), hash);
	enroll_hex(hash, sizeof(hash), out);
	if (who->until_ms != 0)
		enroll_until(who->until_ms, out + 2 * sizeof(hash));
}

int api_key_enroll(const struct gantry_enrolment *who, char *credential_out,
		   char *line_out, struct gantry_error *err)
{
	unsigned char bytes[ENROLL_BYTES];

	if (enroll_check(who, err) < 0)
		return -1;
	/* at most 256 bytes come whole, once the kernel has begun */
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return gantry_fail(err, "no random bytes: %s", strerror(errno));
	enroll_hex(bytes, sizeof(bytes), stpcpy(credential_out, ENROLL_PREFIX));
	explicit_bzero(bytes, sizeof(bytes));
	enroll_line(who, credential_out, line_out);
	return 0;
}
