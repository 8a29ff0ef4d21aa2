/* SPDX-License-Identifier: Apache-2.0 */
/* utf8 - is this text, and may it be an id? */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of the well-formed sequence (RFC 3629) that text begins with, 1 to 4;
 * 0 if it begins with none.
 */
size_t utf8_length(const char *text, size_t len);
bool utf8_is_valid(const char *text, size_t len);

/*
 * An id from outside (D13): 1 to max bytes of well-formed UTF-8 without
 * control characters.
 */
bool utf8_is_id(const char *text, size_t len, size_t max);

/*
 * Text of at most max bytes as well-formed UTF-8 without control characters:
 * what is none becomes '?', what is too long is cut between two characters.
 * NULL stays NULL. Lives in arena.
 */
struct arena;
char *utf8_clean(struct arena *arena, const char *text, size_t max);

/* 1 to max bytes, all of them printable ASCII (0x21 to 0x7e, and space). */
bool utf8_is_printable_ascii(const char *text, size_t len, size_t max);

#endif
