/* SPDX-License-Identifier: Apache-2.0 */
/* values - see values.h. */
#include "gateway/config/values.h"

#include <string.h>
#include <sys/stat.h>

#include "gateway/base/arena.h"

struct values_file {
	bool there;
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct values_files {
	unsigned n;
	struct values_file *items;
};

static bool values_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool values_same_list(const char *const *a, const char *const *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	for (; *a != NULL && *b != NULL; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return *a == *b;
}

static bool values_same(const struct gantry_option *option, const void *a, const void *b)
{
	const void *x = (const char *)a + option->offset;
	const void *y = (const char *)b + option->offset;

	switch (option->type) {
	case GANTRY_TYPE_TEXT:
	case GANTRY_TYPE_PATH:
	case GANTRY_TYPE_SECRET_FILE:
		return values_same_text(*(const char *const *)x, *(const char *const *)y);
	case GANTRY_TYPE_LIST:
		return values_same_list(*(const char *const *const *)x,
					*(const char *const *const *)y);
	case GANTRY_TYPE_BOOLEAN:
		return *(const bool *)x == *(const bool *)y;
	default:
		return *(const int64_t *)x == *(const int64_t *)y;
	}
}

const struct gantry_option *
values_differ(const struct gantry_option *const *options, const void *a,
	      const void *b)
{
	for (; options != NULL && *options != NULL; options++)
		if (!values_same(*options, a, b))
			return *options;
	return NULL;
}

static const char *const *values_copy_list(struct arena *arena, const char *const *from)
{
	const char **to;
	size_t n = 0;

	if (from == NULL)
		return NULL;
	while (from[n] != NULL)
		n++;
	to = arena_zero(arena, (n + 1) * sizeof(*to));
	for (size_t i = 0; i < n; i++)
		to[i] = arena_text(arena, from[i]);
	return to;
}

void values_copy(const struct gantry_option *const *options, struct arena *arena,
		 const void *from, void *to)
{
	for (; options != NULL && *options != NULL; options++) {
		const void *x = (const char *)from + (*options)->offset;
		void *y = (char *)to + (*options)->offset;

		switch ((*options)->type) {
		case GANTRY_TYPE_TEXT:
		case GANTRY_TYPE_PATH:
		case GANTRY_TYPE_SECRET_FILE:
			*(const char **)y = arena_text(arena, *(const char *const *)x);
			break;
		case GANTRY_TYPE_LIST:
			*(const char *const **)y =
				values_copy_list(arena, *(const char *const *const *)x);
			break;
		case GANTRY_TYPE_BOOLEAN:
			*(bool *)y = *(const bool *)x;
			break;
		default:
			*(int64_t *)y = *(const int64_t *)x;
			break;
		}
	}
}

static bool values_is_file(const struct gantry_option *option)
{
	return option->type == GANTRY_TYPE_PATH ||
	       option->type == GANTRY_TYPE_SECRET_FILE;
}

static struct values_file values_stat(const char *path)
{
	struct stat st;

	if (path == NULL || stat(path, &st) < 0)
		return (struct values_file){ .there = false };
	return (struct values_file){ true, st.st_dev, st.st_ino, st.st_size, st.st_mtim };
}

const struct values_files *
values_look(const struct gantry_option *const *options, const void *self,
	    struct arena *arena)
{
	struct values_files *files = arena_zero(arena, sizeof(*files));
	unsigned n = 0;

	while (options != NULL && options[n] != NULL)
		n++;
	files->items = arena_zero(arena, (n + 1) * sizeof(*files->items));
	for (unsigned i = 0; i < n; i++)
		if (values_is_file(options[i]))
			files->items[files->n++] = values_stat(
				*(const char *const *)((const char *)self +
						       options[i]->offset));
	return files;
}

bool values_same_files(const struct values_files *a, const struct values_files *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++) {
		const struct values_file *x = &a->items[i], *y = &b->items[i];

		if (x->there != y->there || x->device != y->device ||
		    x->inode != y->inode || x->size != y->size ||
		    x->changed.tv_sec != y->changed.tv_sec ||
		    x->changed.tv_nsec != y->changed.tv_nsec)
			return false;
	}
	return true;
}

/* Lengths in front, so that no text can look like two. */
static const char *values_write(const char *text, const struct node *node,
				struct arena *arena)
{
	if (node->kind == NODE_TEXT)
		return arena_format(arena, "%s%zu:%s", text, strlen(node->text),
				    node->text);
	text = arena_format(arena, "%s%c%zu", text, node->kind == NODE_LIST ? '[' : '{',
			    node->n);
	for (size_t i = 0; i < node->n; i++) {
		if (node->kind == NODE_MAP)
			text = values_write(text, node->keys[i], arena);
		text = values_write(text, node->items[i], arena);
	}
	return text;
}

static bool values_is_option(const struct gantry_option *const *options, const char *key)
{
	for (; options != NULL && *options != NULL; options++)
		if (strcmp((*options)->name, key) == 0)
			return true;
	return strcmp(key, "plugin") == 0;
}

const char *values_beside(const struct gantry_option *const *options,
			  const struct node *map, struct arena *arena)
{
	const char *text = "";

	for (size_t i = 0; map != NULL && map->kind == NODE_MAP && i < map->n; i++) {
		if (values_is_option(options, map->keys[i]->text))
			continue;
		text = values_write(text, map->keys[i], arena);
		text = values_write(text, map->items[i], arena);
	}
	return text;
}
