/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance - one configured use of a plugin.
 *
 * Made from a configuration entry, opened and closed on the main thread.
 */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include <gantry/plugin.h>

struct gantry_instance {
	const char *name;		/* "allocate" */
	const char *service;		/* "inventory-service" */
	const struct gantry_plugin *plugin;	/* the core's copy, absent
						   callbacks filled in */
	void *self;			/* instance_size bytes */
	unsigned number;		/* 0 .. in the graph, dense */
	bool open;
	struct instance_memory *memory;	/* texts and lists of the options */
};

#endif
