/* SPDX-License-Identifier: Apache-2.0 */
/* arena - see arena.h. Blocks are chained; large pieces get one of their own. */
#include "gateway/base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/memory.h"

#define ARENA_BLOCK 8192u
#define ARENA_ALIGN alignof(max_align_t)

struct arena_block {
	struct arena_block *before;
	size_t size;
	alignas(max_align_t) char data[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

static void arena_open(struct arena *a, size_t size)
{
	struct arena_block *b = malloc(sizeof(*b) + size);

	if (b == NULL)
		abort();
	b->before = a->block;
	b->size = size;
	a->block = b;
	a->next = b->data;
	a->end = b->data + size;
}

void *arena_alloc(struct arena *a, size_t size)
{
	char *p;

	assert(size < SIZE_MAX / 2);
	size = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (a->next == NULL || size > (size_t)(a->end - a->next))
		arena_open(a, size > ARENA_BLOCK / 4 ? size + ARENA_BLOCK : ARENA_BLOCK);
	p = a->next;
	a->next += size;
	a->used += size;
	return p;
}

void *arena_zero(struct arena *a, size_t size)
{
	return memset(arena_alloc(a, size), 0, size);
}

void *arena_extend(struct arena *a, void *old, size_t old_size, size_t size)
{
	size_t rounded = (old_size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	void *p;

	assert(size >= old_size);
	if (old != NULL && (char *)old + rounded == a->next &&
	    size <= (size_t)(a->end - (char *)old)) {
		a->next = old;
		a->used -= rounded;
		return arena_alloc(a, size);
	}
	p = arena_alloc(a, size);
	if (old_size > 0)
		memcpy(p, old, old_size);
	return p;
}

static void arena_drop(struct arena *a, struct arena_block *keep)
{
	struct arena_block *b = a->block, *before;

	for (; b != NULL; b = before) {
		before = b->before;
		if (b != keep)
			free(b);
	}
}

void arena_reset(struct arena *a)
{
	struct arena_block *b = a->block;

	while (b != NULL && b->size != ARENA_BLOCK)
		b = b->before;
	arena_drop(a, b);
	*a = (struct arena){ .block = b };
	if (b != NULL) {
		b->before = NULL;
		a->next = b->data;
		a->end = b->data + b->size;
	}
}

void arena_fini(struct arena *a)
{
	arena_drop(a, NULL);
	*a = (struct arena){ 0 };
}

char *arena_text_n(struct arena *a, const char *text, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (len > 0)
		memcpy(p, text, len);
	p[len] = '\0';
	return p;
}

char *arena_text(struct arena *a, const char *text)
{
	return text == NULL ? NULL : arena_text_n(a, text, strlen(text));
}

char *arena_vformat(struct arena *a, const char *format, va_list ap)
{
	va_list again;
	char *p;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	assert(n >= 0);
	p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, format, ap);
	return p;
}

char *arena_format(struct arena *a, const char *format, ...)
{
	va_list ap;
	char *p;

	va_start(ap, format);
	p = arena_vformat(a, format, ap);
	va_end(ap);
	return p;
}
