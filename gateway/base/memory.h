/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory - allocation that does not return on failure, and clean-up by scope.
 *
 * Sizes that come from outside are capped before they get here, so running out
 * of memory is not something that callers can mend: one message, abort.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

void *memory_new(size_t size);			/* zeroed */
void *memory_new_array(size_t n, size_t size);	/* zeroed; n * size checked */
void *memory_grow(void *old, size_t n, size_t size);
char *memory_text(const char *text);		/* NULL stays NULL */
char *memory_text_n(const char *text, size_t len);
char *memory_format(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static inline void memory_auto_free(void *p)
{
	free(*(void **)p);
}
#define AUTO_FREE __attribute__((cleanup(memory_auto_free)))

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

#endif
