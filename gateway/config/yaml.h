/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - a file as a tree of nodes.
 *
 * A part of YAML: one document of mappings, lists and texts. Aliases, anchors,
 * tags, duplicate keys and more than 32 levels are refused; plain scalars are
 * texts, so that NO, 0777 and 12:30:45 stay what they are. Only yaml.c
 * includes yaml.h of libyaml.
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "gateway/config/node.h"
#include "gateway/config/problems.h"

#define YAML_MAX_BYTES (1u << 20)
#define YAML_MAX_DEPTH 32
#define YAML_MAX_KEYS 4096	/* in one mapping */

/*
 * The root mapping, in arena; an empty file is an empty mapping. NULL with one
 * problem added.
 */
struct node *yaml_read(const struct node_file *file, struct arena *arena,
		       struct problems *problems);
/* The same from memory. */
struct node *yaml_parse(const struct node_file *file, const char *text,
			size_t len, struct arena *arena,
			struct problems *problems);
/* Of libyaml: "0.2.5". */
const char *yaml_version(void);

#endif
