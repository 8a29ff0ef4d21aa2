/* SPDX-License-Identifier: Apache-2.0 */
/* node - see node.h. */
#include "gateway/config/node.h"

#include <string.h>

#include <gantry/option.h>

#include "gateway/base/arena.h"
#include "gateway/base/writer.h"

static size_t node_find(const struct node *map, const char *key)
{
	size_t i = 0;

	while (i < map->n && strcmp(map->keys[i]->text, key) != 0)
		i++;
	return i;
}

const struct node *node_get(const struct node *map, const char *key)
{
	size_t i;

	if (map == NULL || map->kind != NODE_MAP)
		return NULL;
	i = node_find(map, key);
	return i < map->n ? map->items[i] : NULL;
}

const struct node *node_key(const struct node *map, const char *key)
{
	size_t i;

	if (map == NULL || map->kind != NODE_MAP)
		return NULL;
	i = node_find(map, key);
	return i < map->n ? map->keys[i] : NULL;
}

bool node_is_empty(const struct node *node)
{
	return node->kind == NODE_TEXT && node->plain && *node->text == '\0';
}

const char *node_kind_name(const struct node *node)
{
	static const char *const names[] = {
		[NODE_TEXT] = "a text",
		[NODE_LIST] = "a list",
		[NODE_MAP] = "a mapping",
	};

	return node_is_empty(node) ? "nothing" : names[node->kind];
}

const char *node_place(const struct node *node, struct arena *arena)
{
	return arena_format(arena, "%s:%u:%u", node->file->name, node->line,
			    node->column);
}

static bool node_is_named(const struct gantry_option *const *table, const char *key)
{
	for (; table != NULL && *table != NULL; table++)
		if (strcmp((*table)->name, key) == 0)
			return true;
	return false;
}

static void node_write(struct writer *w, const char *name, const struct node *node,
		       const struct gantry_option *const *without)
{
	if (node->kind == NODE_TEXT) {
		writer_text(w, name, node->text);
		return;
	}
	if (node->kind == NODE_MAP)
		writer_object(w, name);
	else
		writer_array(w, name);
	for (size_t i = 0; i < node->n; i++)
		if (node->kind == NODE_LIST || !node_is_named(without, node->keys[i]->text))
			node_write(w, node->kind == NODE_MAP ? node->keys[i]->text : NULL,
				   node->items[i], NULL);
	writer_end(w);
}

const char *node_json(const struct node *map, const struct gantry_option *const *without,
		      struct arena *arena)
{
	struct writer w;

	writer_init(&w, arena, 256);
	node_write(&w, NULL, map, without);
	return writer_done(&w, NULL);
}
