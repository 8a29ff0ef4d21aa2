/* SPDX-License-Identifier: Apache-2.0 */
/* parse - see parse.h. */
#include "gateway/base/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parse_unit {
	const char *name;
	int64_t factor;
};

static bool parse_digits(const char *text, char **end_out, int64_t *out)
{
	const char *digits = text + (*text == '-');

	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	*out = strtoll(text, end_out, 10);
	return errno == 0;
}

static bool parse_with_unit(const char *text, const struct parse_unit *units,
			    int64_t *out)
{
	int64_t n;
	char *end;

	if (!parse_digits(text, &end, &n))
		return false;
	for (; units->name != NULL; units++)
		if (strcmp(units->name, end) == 0)
			return !__builtin_mul_overflow(n, units->factor, out);
	return false;
}

bool parse_integer(const char *text, int64_t *out)
{
	char *end;

	return parse_digits(text, &end, out) && *end == '\0';
}

bool parse_size(const char *text, int64_t *bytes_out)
{
	static const struct parse_unit units[] = {
		{ "", 1 },	    { "K", 1 << 10 }, { "M", 1 << 20 },
		{ "G", 1 << 30 },   { NULL, 0 },
	};

	return parse_with_unit(text, units, bytes_out) && *bytes_out >= 0;
}

bool parse_duration(const char *text, int64_t *ms_out)
{
	static const struct parse_unit units[] = {
		{ "ms", 1 },	     { "s", 1000 },	  { "m", 60000 },
		{ "h", 3600000 },    { "d", 86400000 },   { NULL, 0 },
	};

	return parse_with_unit(text, units, ms_out) && *ms_out >= 0;
}

bool parse_boolean(const char *text, bool *out)
{
	*out = strcmp(text, "true") == 0;
	return *out || strcmp(text, "false") == 0;
}
