/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emit - a JSON tree as a YAML document, the same bytes for the same tree:
 * members in their order, texts plain where no reader of YAML 1.1 or 1.2 could
 * take them for anything else. Knows nothing of what the tree says.
 */
#ifndef CONFIG_EMIT_H
#define CONFIG_EMIT_H

#include <jansson.h>
#include <stddef.h>

struct gantry_error;

/*
 * head: comment lines to stand before it, each "# ...\n", or NULL. The text,
 * with a NUL behind it, to be freed; its length in *len_out. NULL with err.
 */
char *emit_yaml(const json_t *tree, const char *head, size_t *len_out,
		struct gantry_error *err);

#endif
