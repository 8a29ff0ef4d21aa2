/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance - one configured use of a plugin.
 *
 * Made from a configuration entry, opened and closed on the main thread.
 */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include <gantry/plugin.h>

/* Where its handlers run, as its entry says; see gateway/isolate. */
struct instance_isolation {
	int64_t isolation;		/* 0: in this process */
	int64_t isolation_timeout;	/* ms, for one call of a handler */
	int64_t isolation_memory;	/* bytes */
	const char *entry;		/* its options as JSON */
	const char *folder;		/* from which their paths count */
};

struct gantry_instance {
	const char *name;		/* "allocate" */
	const char *service;		/* "inventory-service" */
	const struct gantry_plugin *plugin;	/* the core's copy, absent
						   callbacks filled in */
	void *self;			/* instance_size bytes */
	unsigned number;		/* 0 .. in the graph, dense */
	bool open;
	struct instance_memory *memory;	/* texts and lists of the options */
	struct instance_isolation isolation;	/* of handlers */
};

struct config_entry;
struct config_list;
struct problems;

/*
 * An instance of plugin as the entry says, its options filled in and looked at
 * by the plugin's own check. service lives longer than the instance. NULL with
 * problems added. Free with instance_free().
 */
struct gantry_instance *instance_new(const struct gantry_plugin *plugin,
				     const struct config_entry *entry,
				     const char *service,
				     struct problems *problems);
/* The same, with the upstreams that its options may name (GANTRY_OPTION_UPSTREAM);
   NULL: any. */
struct gantry_instance *instance_new_among(const struct gantry_plugin *plugin,
					   const struct config_entry *entry,
					   const char *service,
					   const struct config_list *upstreams,
					   struct problems *problems);
/* Closes it if it is open. */
void instance_free(struct gantry_instance **instance);

/* 0, or -1 with err, whose message begins with the instance's name. */
int instance_open(struct gantry_instance *instance, struct gantry_error *err);
/* What it keeps (gantry/document.h), or NULL. While it is open. */
const struct gantry_document *instance_document(const struct gantry_instance *instance);
/* Whether it was wanted since the last time that this was asked. Any thread. */
bool instance_wants_document(const struct gantry_instance *instance);
/* Nothing if it is not open. */
void instance_close(struct gantry_instance *instance);

#endif
