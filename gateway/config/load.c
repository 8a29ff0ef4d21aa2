/* SPDX-License-Identifier: Apache-2.0 */
/* load - see load.h and config.h. */
#include "gateway/config/load.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/memory.h"
#include "gateway/config/nearest.h"
#include "gateway/config/routes.h"
#include "gateway/config/sections.h"
#include "gateway/config/yaml.h"

/* Room for one more in a list that grows at powers of two. */
static void *load_room(struct arena *arena, void *list, size_t n)
{
	void *larger;

	if (n != 0 && (n & (n - 1)) != 0)
		return list;
	larger = arena_zero(arena, (n == 0 ? 1 : n * 2) * sizeof(void *));
	if (n > 0)
		memcpy(larger, list, n * sizeof(void *));
	return larger;
}

struct config_entry *config_find(const struct config_list *list,
				 const char *name)
{
	for (unsigned i = 0; i < list->n; i++)
		if (strcmp(list->items[i]->name, name) == 0)
			return list->items[i];
	return NULL;
}

/* The place in the list stays: later entries open in the order of the first. */
static void load_put(struct config *config, struct config_list *list,
		     struct config_entry *entry)
{
	for (unsigned i = 0; i < list->n; i++) {
		if (strcmp(list->items[i]->name, entry->name) != 0)
			continue;
		entry->replaced = list->items[i];
		list->items[i] = entry;
		return;
	}
	list->items = load_room(&config->arena, list->items, list->n);
	list->items[list->n++] = entry;
}

static struct config_entry *load_entry(struct config *config,
				       const struct section *section,
				       const struct node *key,
				       const struct node *value)
{
	struct config_entry *entry = arena_zero(&config->arena, sizeof(*entry));

	entry->section = section->name;
	entry->name = key->text;
	entry->key = key;
	entry->node = value;
	entry->path = section->shape == SECTION_NAMED ?
			      arena_format(&config->arena, "%s.%s",
					   section->name, key->text) :
			      section->name;
	return entry;
}

static void load_named(struct config *config, const struct section *section,
		       const struct node *map, struct problems *problems)
{
	struct config_list *list =
		(void *)((char *)config + section->offset);

	if (node_is_empty(map))
		return;
	if (map->kind != NODE_MAP) {
		problems_add(problems, map, "%s: must be a mapping, not %s",
			     section->name, node_kind_name(map));
		return;
	}
	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = map->keys[i];

		if (section_is_name(key->text) && strcmp(key->text, "none") != 0)
			load_put(config, list,
				 load_entry(config, section, key,
					    map->items[i]));
		else
			problems_add(problems, key,
				     "%s: \"%s\" is no name of letters, "
				     "digits, - and _ that begins with a "
				     "letter", section->name, key->text);
	}
}

static void load_route(struct config *config, struct config_route *route,
		       struct problems *problems)
{
	for (unsigned i = 0; i < config->n_routes; i++) {
		struct config_route *before = config->routes[i];

		if (before->source != route->source ||
		    strcmp(before->entry.name, route->entry.name) != 0)
			continue;
		if (before->entry.node->file == route->entry.node->file) {
			problems_add(problems, route->entry.node,
				     "%s: %s is in line %u already",
				     route->path, route->address,
				     before->entry.node->line);
			return;
		}
		route->entry.replaced = &before->entry;
		config->routes[i] = route;
		return;
	}
	config->routes = load_room(&config->arena, config->routes,
				   config->n_routes);
	config->routes[config->n_routes++] = route;
}

static void load_routes(struct config *config, const struct node *list,
			struct problems *problems)
{
	if (node_is_empty(list))
		return;
	if (list->kind != NODE_LIST) {
		problems_add(problems, list, "routes: must be a list, not %s",
			     node_kind_name(list));
		return;
	}
	for (size_t i = 0; i < list->n; i++) {
		struct config_route *route = routes_parse(
			list->items[i], i, &config->arena, problems);

		if (route != NULL)
			load_route(config, route, problems);
	}
}

static void load_unknown(const struct node *key, struct problems *problems)
{
	struct nearest near = { .wrong = key->text };

	for (const struct section *s = section_list; s->name != NULL; s++)
		nearest_try(&near, s->name);
	problems_add(problems, key, "%s: unknown key%s", key->text,
		     nearest_hint(&near, &problems->arena));
}

static void load_section(struct config *config, const struct node *key,
			 const struct node *value, struct problems *problems)
{
	const struct section *s = section_find(key->text);

	if (s == NULL)
		load_unknown(key, problems);
	else if (s->shape == SECTION_NAMED)
		load_named(config, s, value, problems);
	else if (s->shape == SECTION_ROUTES)
		load_routes(config, value, problems);
	else if (s->shape != SECTION_USE)
		load_put(config, &config->sections,
			 load_entry(config, s, key, value));
	else if (strcmp(key->file->path, config->path) != 0)
		problems_add(problems, key,
			     "use: only the main file names presets");
}

void load_merge(struct config *config, const struct node *root,
		struct problems *problems)
{
	for (size_t i = 0; i < root->n; i++)
		load_section(config, root->keys[i], root->items[i], problems);
}

/* The folder of path, absolute; relative paths in the file count from it. */
static const char *load_folder(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? arena_text(arena, ".") :
		       slash == path ? arena_text(arena, "/") :
				       arena_text_n(arena, path,
						    (size_t)(slash - path));
	char resolved[PATH_MAX];

	return realpath(folder, resolved) != NULL ?
		       arena_text(arena, resolved) : folder;
}

static struct node_file *load_file(struct config *config, const char *name,
				   const char *path)
{
	struct node_file *file = arena_zero(&config->arena, sizeof(*file));

	file->name = arena_text(&config->arena, name);
	file->path = arena_text(&config->arena, path);
	file->folder = load_folder(&config->arena, path);
	file->order = config->n_files;
	return file;
}

/* Read one file; from here on it counts in the order of files. */
static struct node *load_read(struct config *config, struct node_file *file,
			      struct problems *problems)
{
	file->order = config->n_files;
	config->files = load_room(&config->arena, config->files,
				  config->n_files);
	config->files[config->n_files++] = file;
	return yaml_read(file, &config->arena, problems);
}

/* A preset that is not there: which one could be meant. */
static const char *load_near_preset(const char *folder, const char *name,
				    struct arena *arena)
{
	struct nearest near = { .wrong = name };
	DIR *dir = opendir(folder);
	struct dirent *entry;
	const char *hint;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot != NULL && strcmp(dot, ".yaml") == 0)
			nearest_try(&near,
				    arena_text_n(arena, entry->d_name,
						 (size_t)(dot -
							  entry->d_name)));
	}
	hint = nearest_hint(&near, arena);
	if (dir != NULL)
		closedir(dir);
	return hint;
}

static void load_preset(struct config *config, const char *folder,
			const struct node *name, struct problems *problems)
{
	const char *path;
	const struct node *root;

	if (name->kind != NODE_TEXT || !section_is_name(name->text)) {
		problems_add(problems, name, "use: must be names of presets");
		return;
	}
	path = arena_format(&config->arena, "%s/%s.yaml", folder, name->text);
	for (unsigned i = 0; i < config->n_files; i++) {
		if (strcmp(config->files[i]->path, path) != 0)
			continue;
		problems_add(problems, name, "use: %s is there twice",
			     name->text);
		return;
	}
	if (access(path, F_OK) < 0) {
		problems_add(problems, name, "use: there is no preset %s%s",
			     path, load_near_preset(folder, name->text,
						    &problems->arena));
		return;
	}
	root = load_read(config,
			 load_file(config, strrchr(path, '/') + 1, path),
			 problems);
	if (root != NULL)
		load_merge(config, root, problems);
}

static void load_presets(struct config *config, const char *folder,
			 const struct node *use, struct problems *problems)
{
	if (use == NULL)
		return;
	if (use->kind != NODE_LIST) {
		load_preset(config, folder, use, problems);
		return;
	}
	if (use->n > LOAD_MAX_PRESETS) {
		problems_add(problems, use, "use: more than %d presets",
			     LOAD_MAX_PRESETS);
		return;
	}
	for (size_t i = 0; i < use->n; i++)
		load_preset(config, folder, use->items[i], problems);
}

static int load_is_dropped(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot != NULL &&
	       strcmp(dot, ".yaml") == 0;
}

static int load_compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_dropped_one(struct config *config, const char *folder,
			     const char *name, struct problems *problems)
{
	struct arena *arena = &config->arena;
	struct node_file *file =
		load_file(config, arena_format(arena, "conf.d/%s", name),
			  arena_format(arena, "%s/%s", folder, name));
	const struct node *root = load_read(config, file, problems);

	if (root != NULL)
		load_merge(config, root, problems);
}

static void load_dropped(struct config *config, const struct node_file *beside,
			 struct problems *problems)
{
	const char *folder = arena_format(&config->arena, "%s/conf.d",
					  beside->folder);
	struct dirent **list = NULL;
	int n = scandir(folder, &list, load_is_dropped, load_compare);

	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		problems_add_at(problems, beside, NULL, "cannot read %s: %s",
				folder, strerror(errno));
	if (n > LOAD_MAX_DROPPED)
		problems_add_at(problems, beside, NULL,
				"more than %d files in %s", LOAD_MAX_DROPPED,
				folder);
	for (int i = 0; i < n; i++) {
		if (n <= LOAD_MAX_DROPPED)
			load_dropped_one(config, folder, list[i]->d_name,
					 problems);
		free(list[i]);
	}
	free(list);
}

/* What one of several gateways on a host has for itself. */
static void load_with(struct config *config, const char *path,
		      struct problems *problems)
{
	const struct node *root;

	if (path == NULL)
		return;
	config->with = arena_text(&config->arena, path);
	root = load_read(config, load_file(config, path, path), problems);
	if (root != NULL)
		load_merge(config, root, problems);
}

static const char *load_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

struct config *config_load(const char *path, const char *preset_dir,
			   struct problems *problems)
{
	return config_load_with(path, NULL, preset_dir, problems);
}

struct config *config_load_with(const char *path, const char *with,
				const char *preset_dir, struct problems *problems)
{
	struct config *config = memory_new(sizeof(*config));
	struct node_file *file;
	struct node *root;

	config->path = arena_text(&config->arena, path);
	file = load_file(config, load_base(path), path);
	/* what it uses comes before it, so its own place is not known yet */
	root = yaml_read(file, &config->arena, problems);
	if (root == NULL) {
		config_free(&config);
		return NULL;
	}
	load_presets(config, preset_dir, node_get(root, "use"), problems);
	file->order = config->n_files;
	config->files = load_room(&config->arena, config->files,
				  config->n_files);
	config->files[config->n_files++] = file;
	load_merge(config, root, problems);
	load_dropped(config, file, problems);
	load_with(config, with, problems);
	section_fill(config, root, problems);
	return config;
}

void config_free(struct config **config)
{
	if (*config == NULL)
		return;
	arena_fini(&(*config)->arena);
	free(*config);
	*config = NULL;
}
