/* SPDX-License-Identifier: Apache-2.0 */
/* tracestate - see tracestate.h. */
#include "gateway/base/tracestate.h"

#include <string.h>

#include "gateway/base/arena.h"

#define TRACESTATE_LONG 128	/* a member of more than that goes first */
#define TRACESTATE_MAX_KEY 256
#define TRACESTATE_MAX_TENANT 241
#define TRACESTATE_MAX_SYSTEM 14
#define TRACESTATE_MAX_VALUE 256
#define TRACESTATE_SPACE " \t"

/* A member without the space around it; len 0: it is empty. */
struct tracestate_member {
	const char *text;
	size_t len;
};

/* The next one from *at on, which then stands behind it; false: there is none. */
static bool tracestate_next(const char **at, struct tracestate_member *out)
{
	const char *text = *at, *end;

	if (text == NULL)
		return false;
	end = text + strcspn(text, ",");
	*at = *end == ',' ? end + 1 : NULL;
	text += strspn(text, TRACESTATE_SPACE);
	while (end > text && strchr(TRACESTATE_SPACE, end[-1]) != NULL)
		end--;
	*out = (struct tracestate_member){ text, end > text ? (size_t)(end - text) : 0 };
	return true;
}

static bool tracestate_is_name(const char *text, size_t len, size_t max, bool or_digit)
{
	static const char all[] = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
	size_t first = or_digit ? 36 : 26;

	if (len == 0 || len > max || memchr(all, *text, first) == NULL)
		return false;
	for (size_t i = 1; i < len; i++)
		if (memchr(all, text[i], sizeof(all) - 1) == NULL)
			return false;
	return true;
}

/* "vendor", or "tenant@vendor". */
static bool tracestate_is_key(const char *key, size_t len)
{
	const char *at = memchr(key, '@', len);
	size_t tenant;

	if (at == NULL)
		return tracestate_is_name(key, len, TRACESTATE_MAX_KEY, false);
	tenant = (size_t)(at - key);
	return tracestate_is_name(key, tenant, TRACESTATE_MAX_TENANT, true) &&
	       tracestate_is_name(at + 1, len - tenant - 1, TRACESTATE_MAX_SYSTEM, false);
}

/* Space at its end was taken off before. */
static bool tracestate_is_value(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~' || value[i] == '=')
			return false;
	return len > 0 && len <= TRACESTATE_MAX_VALUE;
}

static bool tracestate_is_member(const struct tracestate_member *m)
{
	const char *is = memchr(m->text, '=', m->len);
	size_t key;

	if (is == NULL)
		return false;
	key = (size_t)(is - m->text);
	return tracestate_is_key(m->text, key) &&
	       tracestate_is_value(is + 1, m->len - key - 1);
}

bool tracestate_is_valid(const char *text)
{
	struct tracestate_member m;
	unsigned n = 0;

	while (tracestate_next(&text, &m)) {
		if (m.len == 0)
			continue;
		if (++n > TRACESTATE_MAX_MEMBERS || !tracestate_is_member(&m))
			return false;
	}
	return n > 0;
}

/* The members that are not longer than most, as far as they fit into out. */
static size_t tracestate_gather(const char *text, size_t most,
				char out[static TRACESTATE_MAX + 1])
{
	struct tracestate_member m;
	size_t len = 0;

	while (tracestate_next(&text, &m)) {
		size_t comma = len > 0;

		if (m.len == 0 || m.len > most)
			continue;
		if (len + comma + m.len > TRACESTATE_MAX)
			break;
		if (comma)
			out[len++] = ',';
		memcpy(out + len, m.text, m.len);
		len += m.len;
	}
	out[len] = '\0';
	return len;
}

/* What it has without empty members and space: that costs nobody a member. */
static size_t tracestate_size(const char *text)
{
	struct tracestate_member m;
	size_t size = 0;

	while (tracestate_next(&text, &m))
		if (m.len > 0)
			size += m.len + (size > 0);
	return size;
}

const char *tracestate_cut(struct arena *arena, const char *text)
{
	size_t most = TRACESTATE_LONG;
	char *out;

	if (strlen(text) <= TRACESTATE_MAX)
		return text;
	if (tracestate_size(text) <= TRACESTATE_MAX)
		most = TRACESTATE_MAX;
	out = arena_alloc(arena, TRACESTATE_MAX + 1);
	return tracestate_gather(text, most, out) > 0 ? out : NULL;
}
