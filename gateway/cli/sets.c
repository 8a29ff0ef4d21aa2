/* SPDX-License-Identifier: Apache-2.0 */
/* sets - see sets.h. */
#include "gateway/cli/sets.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/config/yaml.h"

int sets_add(struct sets *sets, const char *item)
{
	const char *equals = strchr(item, '=');

	if (equals == NULL || equals == item) {
		fprintf(stderr, "gantry: --set: must be NAME=VALUE: \"%s\"\n", item);
		return COMMON_USAGE;
	}
	if (sets->n == SETS_MAX) {
		fprintf(stderr, "gantry: --set: more than %d\n", SETS_MAX);
		return COMMON_USAGE;
	}
	sets->items[sets->n++] = item;
	return -1;
}

struct config_entry *sets_entry(const struct sets *sets, const char *name,
				const char *plugin, struct arena *arena,
				struct problems *problems)
{
	struct node_file *file = arena_zero(arena, sizeof(*file));
	struct config_entry *entry = arena_zero(arena, sizeof(*entry));
	AUTO_FREE char *folder = getcwd(NULL, 0);
	char *text = arena_format(arena, "plugin: \"%s\"\n", plugin);

	file->name = file->path = "--set";
	file->folder = arena_text(arena, folder != NULL ? folder : "/");
	for (unsigned i = 0; i < sets->n; i++) {
		const char *set = sets->items[i], *equals = strchr(set, '=');

		text = arena_format(arena, "%s%.*s: %s\n", text, (int)(equals - set),
				    set, equals + 1);
	}
	entry->section = entry->name = entry->path = name;
	entry->node = entry->key = yaml_parse(file, text, strlen(text), arena,
					      problems);
	return entry;
}
