/* SPDX-License-Identifier: Apache-2.0 */
/* raw - see raw.h. */
#include "gateway/source/http/raw.h"

#include <stdint.h>
#include <string.h>

/* Whether p lies in the head with at least n bytes after it. */
static bool raw_holds(const struct raw *raw, const char *p, size_t n)
{
	return (uintptr_t)p <= (uintptr_t)raw->end &&
	       (size_t)((uintptr_t)raw->end - (uintptr_t)p) >= n;
}

/* The end of a line was here: CR LF, now two NULs. */
static void raw_end_line(struct raw *raw, const char *p)
{
	raw->fits = raw->fits && raw_holds(raw, p, 2) && p[0] == '\0' && p[1] == '\0';
	raw->at = raw->fits ? p + 2 : raw->end;
}

void raw_begin(struct raw *raw, const char *method, const char *target,
	       size_t target_len, const char *version, size_t head_len)
{
	raw->end = method + head_len;
	/* one space each, and no NUL inside */
	raw->fits = target == method + strlen(method) + 1 &&
		    raw_holds(raw, target, target_len + 1) &&
		    version == target + target_len + 1 &&
		    raw_holds(raw, version, 8);
	raw_end_line(raw, version + 8);
}

void raw_line(struct raw *raw, const char *name, const char *value)
{
	const char *colon;

	if (!raw->fits)
		return;
	raw->fits = name == raw->at && raw_holds(raw, name, 2);
	if (!raw->fits)
		return;
	colon = name + strnlen(name, (size_t)(raw->end - name));
	if (raw_holds(raw, colon, 1))
		colon++;
	while (colon < raw->end && (*colon == ' ' || *colon == '\t'))
		colon++;
	raw->fits = value == colon;
	if (raw->fits)
		raw_end_line(raw, value + strnlen(value, (size_t)(raw->end - value)));
}

bool raw_end(const struct raw *raw)
{
	return raw->fits && raw->end - raw->at == 2 && raw->at[0] == '\0' &&
	       raw->at[1] == '\0';
}
