/* SPDX-License-Identifier: Apache-2.0 */
/* instance - see instance.h. */
#include "gateway/plugin/instance.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/sized.h"
#include "gateway/config/config.h"
#include "gateway/config/nearest.h"
#include "gateway/config/option.h"
#include "gateway/config/values.h"

struct instance_memory {
	struct arena arena;
	const struct gantry_plugin *plugin;	/* what was asked for: the plugin, */
	void *told;			/* its options, of which only they are filled in, */
	const struct values_files *files;	/* the files that they name, */
	const char *beside;		/* what its entry says beside them */
	bool opening;
	struct gantry_document document;	/* size 0: none is kept */
	_Atomic bool wanted;
};

const char *gantry_instance_name(const struct gantry_instance *instance)
{
	return instance->name;
}

const char *gantry_instance_service(const struct gantry_instance *instance)
{
	return instance->service;
}

int gantry_document_keep(const struct gantry_instance *instance,
			 const struct gantry_document *document,
			 struct gantry_error *err)
{
	struct instance_memory *memory = instance->memory;
	struct gantry_document d;

	if (!memory->opening || memory->document.size != 0)
		return gantry_fail(err, "a document is kept from open() on, and one at most");
	sized_take(&d, sizeof(d), document);
	if (d.upstream == NULL || d.path == NULL || *d.path != '/' || d.take == NULL ||
	    d.every_ms < 1000)
		return gantry_fail(err, "a document needs an upstream, a path, take() "
					"and at least 1s from one fetch to the next");
	memory->document = d;
	return 0;
}

void gantry_document_want(const struct gantry_instance *instance)
{
	atomic_store(&instance->memory->wanted, true);
}

const struct gantry_document *instance_document(const struct gantry_instance *i)
{
	return i->memory->document.size != 0 ? &i->memory->document : NULL;
}

bool instance_wants_document(const struct gantry_instance *i)
{
	return atomic_exchange(&i->memory->wanted, false);
}

static const char *const instance_where[] = { "none", "process", NULL };
/* What an entry of handlers may say beside the plugin's own. */
static const struct gantry_option *const instance_options[] = {
	GANTRY_CHOICE(struct instance_isolation, isolation, .fallback = "none",
		      .choices = instance_where,
		      .summary = "Where its handlers run"),
	GANTRY_DURATION(struct instance_isolation, isolation_timeout, .fallback = "5s",
			.min = 10, .max = 300000,
			.summary = "process: how long one call of a handler may take"),
	GANTRY_SIZE(struct instance_isolation, isolation_memory, .fallback = "256M",
		    .min = 16 << 20, .max = INT64_C(64) << 30,
		    .summary = "process: how much memory it may take"),
	NULL
};

static int instance_isolate(struct gantry_instance *i, const struct config_entry *entry,
			    struct problems *problems)
{
	struct arena *arena = &i->memory->arena;
	struct option_job job = { .options = instance_options, .path = entry->path,
				  .partial = true, .memory = arena, .problems = problems };
	int result = option_fill(&job, entry->node, &i->isolation);

	if (i->isolation.isolation != 0) {
		i->isolation.entry = node_json(entry->node, instance_options, arena);
		i->isolation.folder = arena_text(arena, entry->node->file->folder);
	}
	return result;
}

static int instance_fill(struct gantry_instance *i,
			 const struct config_entry *entry,
			 struct problems *problems)
{
	static const char *const alone[] = { "plugin", NULL };
	static const char *const handlers[] = { "plugin", "isolation",
						"isolation_timeout",
						"isolation_memory", NULL };
	const char *const *others = i->plugin->handlers != NULL &&
		i->plugin->handlers[0] != NULL ? handlers : alone;
	struct option_job job = { i->plugin->options, entry->path, others,
				  &i->memory->arena, problems, false };

	int isolated = others == handlers ? instance_isolate(i, entry, problems) : 0;

	return option_fill(&job, entry->node, i->self) < 0 ? -1 : isolated;
}

/* self may become something else's later, and plugin with it (gateway/isolate). */
static void instance_remember(struct gantry_instance *i, const struct config_entry *entry)
{
	const struct gantry_option *const *o = i->plugin->options;
	struct instance_memory *memory = i->memory;
	size_t size = 0;

	memory->plugin = i->plugin;
	memory->files = values_look(o, i->self, &memory->arena);
	memory->beside = values_beside(o, entry->node, &memory->arena);
	for (; o != NULL && *o != NULL; o++)
		if ((*o)->offset + sizeof(int64_t) > size)
			size = (*o)->offset + sizeof(int64_t);
	memory->told = arena_zero(&memory->arena, size + 1);
	values_copy(i->plugin->options, &memory->arena, i->self, memory->told);
}

bool instance_is_same(const struct gantry_instance *a, const struct gantry_instance *b)
{
	const struct instance_memory *x = a->memory, *y = b->memory;

	return x->plugin == y->plugin &&
	       values_differ(x->plugin->options, x->told, y->told) == NULL &&
	       values_same_files(x->files, y->files) &&
	       strcmp(x->beside, y->beside) == 0;
}

struct arena *instance_arena(const struct gantry_instance *i)
{
	return &i->memory->arena;
}

/* The name of an upstream: what is said must be one, what is not said may. */
static int instance_check_upstream(struct gantry_instance *i,
				   const struct gantry_option *option,
				   const struct config_entry *entry,
				   const struct config_list *upstreams,
				   struct problems *problems)
{
	const char **name = (const char **)((char *)i->self + option->offset);
	const struct node *said = node_get(entry->node, option->name);
	struct nearest near = { .wrong = *name };

	if (*name == NULL || config_find(upstreams, *name) != NULL)
		return 0;
	if (said == NULL) {
		*name = NULL;
		return 0;
	}
	for (unsigned u = 0; u < upstreams->n; u++)
		nearest_try(&near, upstreams->items[u]->name);
	return problems_add(problems, said, "%s.%s: there is no upstream \"%s\"%s",
			    entry->path, option->name, *name,
			    nearest_hint(&near, &problems->arena));
}

static int instance_check_upstreams(struct gantry_instance *i,
				    const struct config_entry *entry,
				    const struct config_list *upstreams,
				    struct problems *problems)
{
	const struct gantry_option *const *o = i->plugin->options;
	int result = 0;

	for (; upstreams != NULL && o != NULL && *o != NULL; o++)
		if (((*o)->flags & GANTRY_OPTION_UPSTREAM) &&
		    instance_check_upstream(i, *o, entry, upstreams, problems) < 0)
			result = -1;
	return result;
}

static int instance_check(const struct gantry_instance *i,
			  const struct config_entry *entry,
			  struct problems *problems)
{
	struct gantry_error err = ERROR_INIT;
	int result = i->plugin->check(i->self, &err);

	if (result < 0)
		problems_add(problems, entry->key, "%s: %s", entry->path,
			     err.message);
	error_fini(&err);
	return result;
}

struct gantry_instance *instance_new(const struct gantry_plugin *plugin,
				     const struct config_entry *entry,
				     const char *service,
				     struct problems *problems)
{
	return instance_new_among(plugin, entry, service, NULL, problems);
}

struct gantry_instance *instance_new_among(const struct gantry_plugin *plugin,
					   const struct config_entry *entry,
					   const char *service,
					   const struct config_list *upstreams,
					   struct problems *problems)
{
	struct gantry_instance *i = memory_new(sizeof(*i));

	assert(plugin != NULL && service != NULL);
	i->memory = memory_new(sizeof(*i->memory));
	i->name = arena_text(&i->memory->arena, entry->name);
	i->service = arena_text(&i->memory->arena, service);
	i->plugin = plugin;
	i->self = memory_new(plugin->instance_size + 1);
	if (instance_fill(i, entry, problems) < 0 ||
	    instance_check_upstreams(i, entry, upstreams, problems) < 0 ||
	    instance_check(i, entry, problems) < 0)
		instance_free(&i);
	else
		instance_remember(i, entry);
	return i;
}

void instance_free(struct gantry_instance **instance)
{
	struct gantry_instance *i = *instance;

	if (i == NULL)
		return;
	instance_close(i);
	arena_fini(&i->memory->arena);
	free(i->memory);
	free(i->self);
	free(i);
	*instance = NULL;
}

int instance_open(struct gantry_instance *i, struct gantry_error *err)
{
	int result;

	assert(!i->open);
	i->memory->document = (struct gantry_document){ .size = 0 };
	i->memory->opening = true;
	result = i->plugin->open(i->self, i, err);
	i->memory->opening = false;
	if (result < 0)
		return error_prefix(err, "%s (%s)", i->name, i->plugin->name);
	i->open = true;
	return 0;
}

void instance_close(struct gantry_instance *i)
{
	if (!i->open)
		return;
	i->plugin->close(i->self);
	i->open = false;
}
