/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer - JSON text of a known shape, into an arena.
 *
 * name is the member's name inside an object, NULL inside an array and at the
 * top; names are ASCII and need no escaping. Text is escaped, bytes that are
 * not UTF-8 become U+FFFD. Cannot fail.
 */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define WRITER_DEPTH 32

struct writer {
	struct arena *arena;
	char *text;
	size_t len, room;
	unsigned depth;
	bool comma;
	char closer[WRITER_DEPTH];
};

void writer_init(struct writer *w, struct arena *a, size_t room);
void writer_object(struct writer *w, const char *name);
void writer_array(struct writer *w, const char *name);
void writer_end(struct writer *w);
void writer_text(struct writer *w, const char *name, const char *text);
void writer_text_n(struct writer *w, const char *name, const char *text,
		   size_t len);
void writer_int(struct writer *w, const char *name, int64_t value);
void writer_bool(struct writer *w, const char *name, bool value);
void writer_null(struct writer *w, const char *name);
void writer_time(struct writer *w, const char *name, int64_t ms); /* 0: null */
void writer_raw(struct writer *w, const char *name, const char *json,
		size_t len);
/* Ended by NUL; everything must be closed. Lives as long as the arena. */
const char *writer_done(struct writer *w, size_t *len_out);

#endif
