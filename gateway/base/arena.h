/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - memory that dies all at once: a message's, a unit's, a
 * configuration's. Not for two threads at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *block;	/* the newest */
	char *next, *end;		/* free space in it */
	size_t used;			/* bytes given out, for bounds */
};

/* In place; a zeroed struct is an empty arena. */
void arena_init(struct arena *a);
/* Forget everything; keeps one block of the usual size for the next use. */
void arena_reset(struct arena *a);
void arena_fini(struct arena *a);

/* Aligned for any type, not zeroed; never NULL. */
void *arena_alloc(struct arena *a, size_t size);
/* The same, zeroed. */
void *arena_zero(struct arena *a, size_t size);
/* The newest allocation made larger in place if it can be, else copied. */
void *arena_extend(struct arena *a, void *old, size_t old_size, size_t size);
char *arena_text(struct arena *a, const char *text);	/* NULL stays NULL */
char *arena_text_n(struct arena *a, const char *text, size_t len);
char *arena_format(struct arena *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
char *arena_vformat(struct arena *a, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));

#endif
