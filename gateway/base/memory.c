/* SPDX-License-Identifier: Apache-2.0 */
/* memory - see memory.h. */
#include "gateway/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void *memory_check(void *p)
{
	if (p == NULL) {
		fputs("gantry: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *memory_new(size_t size)
{
	return memory_check(calloc(1, size ? size : 1));
}

void *memory_new_array(size_t n, size_t size)
{
	return memory_check(calloc(n ? n : 1, size));
}

void *memory_grow(void *old, size_t n, size_t size)
{
	return memory_check(reallocarray(old, n ? n : 1, size));
}

char *memory_text(const char *text)
{
	return text == NULL ? NULL : memory_check(strdup(text));
}

char *memory_text_n(const char *text, size_t len)
{
	return memory_check(strndup(text, len));
}

char *memory_format(const char *format, ...)
{
	va_list ap;
	char *text = NULL;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	return memory_check(text);
}
