/* SPDX-License-Identifier: Apache-2.0 */
/* target - see target.h. */
#include "gateway/source/http/target.h"

#include <string.h>
#include <strings.h>

#include "gateway/base/arena.h"

static int target_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static char *target_skip_authority(char *text)
{
	size_t scheme = strncasecmp(text, "http://", 7) == 0    ? 7
			: strncasecmp(text, "https://", 8) == 0 ? 8
								: 0;

	return scheme == 0 ? text : text + scheme + strcspn(text + scheme, "/?");
}

bool target_split(char *text, const char **path_out, char **query_out)
{
	char *rest, *query;
	const char *path;

	for (const char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '#')	/* char may be signed */
			return false;
	rest = target_skip_authority(text);
	query = strchr(rest, '?');
	if (query != NULL)
		*query++ = '\0';
	path = *rest == '\0' && rest != text ? "/" : rest;
	if (*path != '/' && strcmp(path, "*") != 0)
		return false;
	*path_out = path;
	*query_out = query;
	return true;
}

const char *target_decode(const char *text, size_t len, bool plus_is_space,
			  struct arena *arena)
{
	char *out = arena_alloc(arena, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] != '%') {
			out[n++] = plus_is_space && text[i] == '+' ? ' '
								   : text[i];
			continue;
		}
		if (len - i < 3)
			return NULL;
		high = target_hex(text[i + 1]);
		low = target_hex(text[i + 2]);
		if (high < 0 || low < 0 || high + low == 0)
			return NULL;
		out[n++] = (char)(high << 4 | low);
		i += 2;
	}
	out[n] = '\0';
	return out;
}

static bool target_argument(const char *text, size_t len, struct arena *arena,
			    struct message_pair *pair)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals == NULL ? len : (size_t)(equals - text);

	pair->name = target_decode(text, name_len, true, arena);
	pair->value = equals == NULL ? "" :
		target_decode(equals + 1, len - name_len - 1, true, arena);
	return pair->name != NULL && pair->value != NULL;
}

bool target_query(const char *query, struct arena *arena,
		  struct message_pair **pairs_out, unsigned *n_out)
{
	unsigned room = 1, n = 0;
	struct message_pair *pairs;

	for (const char *p = query; *p != '\0'; p++)
		room += *p == '&';
	if (room > TARGET_MAX_QUERY)
		return false;
	pairs = arena_alloc(arena, room * sizeof(*pairs));
	for (;;) {
		size_t len = strcspn(query, "&");

		if (len > 0 && !target_argument(query, len, arena, &pairs[n++]))
			return false;
		if (query[len] == '\0')
			break;
		query += len + 1;
	}
	*pairs_out = pairs;
	*n_out = n;
	return true;
}

/* n lower-case hex digits, and not all of them zero unless zero_is_fine. */
static bool target_is_hex(const char *text, int n, bool zero_is_fine)
{
	bool zero = true;

	for (int i = 0; i < n; i++) {
		if (target_hex(text[i]) < 0 || (text[i] >= 'A' && text[i] <= 'F'))
			return false;
		zero = zero && text[i] == '0';
	}
	return zero_is_fine || !zero;
}

bool target_is_traceparent(const char *text)
{
	size_t len = strnlen(text, 256);

	if (len < 55 || len > 255 || text[2] != '-' || text[35] != '-' ||
	    text[52] != '-' || !target_is_hex(text, 2, true) ||
	    !target_is_hex(text + 3, 32, false) ||
	    !target_is_hex(text + 36, 16, false) ||
	    !target_is_hex(text + 53, 2, true) || strncmp(text, "ff", 2) == 0)
		return false;
	return strncmp(text, "00", 2) == 0 ? len == 55
					   : len == 55 || text[55] == '-';
}
