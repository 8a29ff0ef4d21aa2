/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes - one route as it is written, checked without knowing any plugin.
 */
#ifndef CONFIG_ROUTES_H
#define CONFIG_ROUTES_H

#include "gateway/config/config.h"

#define ROUTES_MAX_PIPELINE 16
#define ROUTES_MAX_PARAMS 8
#define ROUTES_MAX_SEGMENTS 16
#define ROUTES_MAX_BINDINGS 256
#define ROUTES_MAX_QUEUE 200
#define ROUTES_MIN_EVERY_MS 100

/*
 * A route from its node, in arena; index is its place in its file. What is
 * wrong is added to problems. NULL if it has no address to be known by.
 */
struct config_route *routes_parse(const struct node *node, size_t index,
				  struct arena *arena,
				  struct problems *problems);

#endif
