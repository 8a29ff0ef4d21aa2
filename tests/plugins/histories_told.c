/* SPDX-License-Identifier: Apache-2.0 */
/* histories_told - see histories_told.h. */
#include <ctype.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/plugins/histories_told.h"

/* Ids with chance in them become their number, at each place the same. */

static size_t id_length(const char *text)
{
	size_t n = 0, dashes = 0;

	while (isdigit((unsigned char)text[n]) || isupper((unsigned char)text[n]))
		n++;
	if (n == 26 || (n >= 17 && strspn(text, "0123456789") == n))
		return n;	/* a ULID, a ref */
	for (n = 0; isxdigit((unsigned char)text[n]) || text[n] == '-'; n++)
		dashes += text[n] == '-';
	return n == 36 && dashes == 4 ? n : 0;
}

static size_t id_number(char (*ids)[40], size_t *n, const char *text, size_t len)
{
	size_t i = 0;

	while (i < *n && (strncmp(ids[i], text, len) != 0 || ids[i][len] != '\0'))
		i++;
	if (i == *n)
		snprintf(ids[(*n)++], sizeof(*ids), "%.*s", (int)len, text);
	return i;
}

char *told_without_chance(char *text)
{
	size_t size, n = 0, room = 65536;
	char (*ids)[40] = memory_new_array(room, sizeof(*ids)), *plain;
	FILE *out = open_memstream(&plain, &size);
	bool inside = false;

	for (const char *p = text; *p != '\0';) {
		size_t len = inside ? 0 : id_length(p);

		assert_true(n < room);
		if (len > 0)
			fprintf(out, "#%zu", id_number(ids, &n, p, len));
		else
			fputc(*p, out);
		inside = len == 0 && isalnum((unsigned char)*p);
		p += len > 0 ? len : 1;
	}
	fclose(out);
	free(ids);
	free(text);
	return plain;
}

/* The line around the place, as much as helps. */
static int line_length(const char *text, size_t from, size_t at)
{
	size_t len = strcspn(text + from, "\n");

	return (int)(len < at - from + 200 ? len : at - from + 200);
}

void told_compare(uint64_t number, const char *one, const char *other,
		  const char *storage)
{
	size_t at = 0, from;

	while (one[at] != '\0' && one[at] == other[at])
		at++;
	if (one[at] == other[at])
		return;
	for (from = at; from > 0 && one[from - 1] != '\n';)
		from--;
	fail_msg("history %" PRIu64 ": memory and %s differ at byte %zu of this line:\n%.*s\n%.*s",
		 number, storage, at - from, line_length(one, from, at), one + from,
		 line_length(other, from, at), other + from);
}
