/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree - a JSON text that came from outside, as a tree: bounded in depth, and long
 * ones without keeping a processor from others.
 */
#ifndef PIPELINE_TREE_H
#define PIPELINE_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define TREE_DEPTH 32

/* Nested deeper than TREE_DEPTH, told without recursion. */
bool tree_is_deep(const char *text, size_t len);

/*
 * An object or array, of anyone with JSON_DECODE_ANY among the flags, without
 * duplicate keys; the caller's. NULL: it is not, or is too deep (D9); where, if not
 * NULL, says what is wrong with it, of a deep one at line 0.
 *
 * A text of a megabyte takes a parser ten milliseconds. The thread gives way in it
 * every TREE_STRIDE bytes: a kernel that preempts lazily would let one whose turn it
 * is wait for the next tick.
 */
json_t *tree_load(const char *text, size_t len, size_t flags, json_error_t *where);

#define TREE_STRIDE 16384

#endif
