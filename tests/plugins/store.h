/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - a storage plugin's instance for tests, without the loader: opened
 * by dlopen, options filled by hand from its table.
 */
#ifndef TESTS_INSTANCE_H
#define TESTS_INSTANCE_H

#include <gantry/plugin.h>

#include "gateway/conform/conform.h"

/* "name=value", NULL at the end; they live as long as the store. */
struct store {
	const struct gantry_plugin *plugin;
	const char *const *options;
};

const struct gantry_plugin *store_plugin(const char *name);
/* A conform_ops.open and .close; context is a struct store. */
int store_open(void *context, void **self_out, struct gantry_error *err);
void store_close(void *context, void *self);

#endif
