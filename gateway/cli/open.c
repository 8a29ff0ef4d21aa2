/* SPDX-License-Identifier: Apache-2.0 */
/* open - see open.h. */
#include "gateway/cli/open.h"
#include "gateway/cli/trial.h"

#include <stdio.h>

#include "gateway/base/error.h"
#include "gateway/commit/schema.h"

static struct gantry_instance *open_instance(struct open *o, struct problems *problems)
{
	const struct config_entry *entry = o->config->storage;
	const struct node *name = node_get(entry->node, "plugin");
	const struct gantry_plugin *plugin;
	struct gantry_error err = ERROR_INIT;

	plugin = plugins_load(o->plugins, name->text, &err);
	if (plugin == NULL) {
		problems_add(problems, name, "%s", err.message);
		return NULL;
	}
	if (plugin->storage == NULL) {
		problems_add(problems, name, "%s is no storage", name->text);
		return NULL;
	}
	return instance_new(plugin, entry, o->config->service, problems);
}

static int open_prepare(struct open *o, enum gantry_prepare mode,
			const struct gantry_schema *schema, struct gantry_error *err)
{
	o->store.storage = o->instance->plugin->storage;
	o->store.self = o->instance->self;
	o->store.schema = schema;
	if (instance_open(o->instance, err) < 0 ||
	    o->store.storage->prepare(o->store.self, schema, mode, err) !=
		    GANTRY_STORED)
		return COMMON_FAILED;
	return COMMON_OK;
}

int open_storage_as(const struct common_options *options, enum gantry_prepare mode,
		    const struct gantry_schema *schema, struct open *out,
		    struct gantry_error *err)
{
	struct problems problems = { 0 };
	int status = COMMON_OK;

	*out = (struct open){ 0 };
	out->plugins = trial_plugins(options->plugins);
	out->config = config_load_with(options->config, options->with, options->presets,
				     &problems);
	if (problems.n == 0)
		out->instance = open_instance(out, &problems);
	if (problems.n > 0) {
		problems_print(&problems, stderr);
		status = COMMON_USAGE;
	}
	problems_fini(&problems);
	return status != COMMON_OK ? status : open_prepare(out, mode, schema, err);
}

int open_storage(const struct common_options *options, enum gantry_prepare mode,
		 struct open *out)
{
	struct gantry_error err = ERROR_INIT;
	int status = open_storage_as(options, mode, &commit_schema, out, &err);

	if (status == COMMON_FAILED)
		fprintf(stderr, "gantry: storage: %s\n", err.message);
	error_fini(&err);
	return status;
}

void open_close(struct open *open)
{
	instance_free(&open->instance);
	plugins_free(&open->plugins);
	config_free(&open->config);
}
