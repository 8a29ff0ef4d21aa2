/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree - a JSON text that came from outside, as a tree: bounded in depth, and long
 * ones without keeping a processor from others.
 */
#ifndef PIPELINE_TREE_H
#define PIPELINE_TREE_H

#include <jansson.h>
#include <stddef.h>

#define TREE_DEPTH 32
#define TREE_STRIDE 4096

/*
 * An object or array, with JSON_DECODE_ANY among the flags any value, without
 * duplicate keys and not deeper than TREE_DEPTH; the caller's. NULL: it is no such
 * text; where, if not NULL, says what is wrong with it, of a deep one at line 0.
 *
 * A text of a megabyte takes a parser ten milliseconds: a brief thread gives way
 * every TREE_STRIDE bytes.
 */
json_t *tree_load(const char *text, size_t len, size_t flags, json_error_t *where);

#endif
