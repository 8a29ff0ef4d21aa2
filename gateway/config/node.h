/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node - a configuration file as a tree of texts, lists and mappings, each of
 * which knows where it stands. Lives in the arena of the configuration and is
 * never changed after it was read.
 */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

struct node_file {
	const char *name;	/* as messages show it: "gantry.yaml" */
	const char *path;	/* as it was opened */
	const char *folder;	/* absolute; relative paths count from here */
	unsigned order;		/* of reading; later files replace */
};

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	const struct node_file *file;
	unsigned line, column;	/* from 1 */
	const char *text;	/* TEXT; holds no NUL */
	bool plain;		/* TEXT without quotes */
	struct node **items;	/* of a LIST, values of a MAP */
	struct node **keys;	/* MAP: texts */
	size_t n;
};

/* The value of a key, NULL if absent (or if map is no mapping). */
const struct node *node_get(const struct node *map, const char *key);
/* The key itself, for messages about it. */
const struct node *node_key(const struct node *map, const char *key);
/* "key:" with nothing behind it. */
bool node_is_empty(const struct node *node);
/* "a text", "a list", "a mapping" */
const char *node_kind_name(const struct node *node);
/*
 * A mapping as JSON text, which YAML reads as the same; without the keys that
 * the table names. In arena.
 */
struct gantry_option;
const char *node_json(const struct node *map, const struct gantry_option *const *without,
		      struct arena *arena);
/* "gantry.yaml:14:7", in arena. */
const char *node_place(const struct node *node, struct arena *arena);

#endif
