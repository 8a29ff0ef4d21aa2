/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec - what a configuration offers to others, as documents that they can
 * read: OpenAPI 3.1 of its HTTP routes or of the admin API, AsyncAPI 3.0 of
 * its events. Made of the graph and of what the plugins say of themselves
 * (gantry/describe.h); asks no storage and no network. The same for the same
 * configuration, byte for byte.
 *
 * Main thread.
 */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include "gateway/config/config.h"
#include "gateway/pipeline/route.h"

struct spec_source {
	const struct config *config;
	const struct graph *graph;
	const char *version;		/* of the documents */
};

/*
 * Each a tree, to be freed; NULL with err, which names the plugin or handler
 * whose description cannot be used.
 */
json_t *spec_openapi(const struct spec_source *source, struct gantry_error *err);
json_t *spec_openapi_admin(const struct spec_source *source, struct gantry_error *err);
json_t *spec_asyncapi(const struct spec_source *source, struct gantry_error *err);

/* Whether what a plugin says of itself can be used; -1 with err. */
int spec_check(const struct gantry_plugin *plugin, struct gantry_error *err);

#endif
