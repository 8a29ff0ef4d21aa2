/* SPDX-License-Identifier: Apache-2.0 */
/* utf8 - see utf8.h. */
#include "gateway/base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "gateway/base/arena.h"

static bool utf8_is_tail(const char *text, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t utf8_length(const char *text, size_t len)
{
	unsigned char a = len > 0 ? (unsigned char)text[0] : 0xff;
	unsigned char b = len > 1 ? (unsigned char)text[1] : 0;
	size_t n;

	if (a < 0x80)
		return len > 0 ? 1 : 0;
	n = a >= 0xc2 && a <= 0xdf ? 2 : (a & 0xf0) == 0xe0 ? 3 :
	    a >= 0xf0 && a <= 0xf4 ? 4 : 0;
	if (n == 0 || n > len || !utf8_is_tail(text, n))
		return 0;
	if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) ||
	    (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f))
		return 0;
	return n;
}

bool utf8_is_valid(const char *text, size_t len)
{
	while (len > 0) {
		size_t n = utf8_length(text, len);

		if (n == 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

bool utf8_is_id(const char *text, size_t len, size_t max)
{
	if (len == 0 || len > max || !utf8_is_valid(text, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		/* C0 and DEL; C1 are 0xc2 0x80 to 0xc2 0x9f */
		if (c < 0x20 || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
			return false;
	}
	return true;
}

bool utf8_is_printable_ascii(const char *text, size_t len, size_t max)
{
	if (len == 0 || len > max)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

char *utf8_clean(struct arena *arena, const char *text, size_t max)
{
	size_t len = text != NULL ? strlen(text) : 0, n, done = 0;
	char *clean = text != NULL ? arena_alloc(arena, max + 1) : NULL;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_length(text + i, len - i);
		if (done + (n == 0 ? 1 : n) > max)
			break;
		if (n == 0 || !utf8_is_id(text + i, n, n)) {
			clean[done++] = '?';
			n = n == 0 ? 1 : n;
			continue;
		}
		memcpy(clean + done, text + i, n);
		done += n;
	}
	if (clean != NULL)
		clean[done] = '\0';
	return clean;
}
