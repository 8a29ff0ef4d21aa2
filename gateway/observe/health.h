/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - how the integration is (D30): what it rests on, each for itself, and
 * what follows from that. Looks at what the floors below have noted, and asks
 * nobody.
 */
#ifndef OBSERVE_HEALTH_H
#define OBSERVE_HEALTH_H

#include <jansson.h>

#include "gateway/observe/status.h"

enum health { HEALTH_PASS, HEALTH_WARN, HEALTH_FAIL };

/* "pass", "warn", "fail" */
const char *health_name(enum health health);

/*
 * The worst of all checks; if tree_out is not NULL, each of them in an object, to
 * be freed: {"storage": {"status": "pass", ...}, "broker": ...}. The graph is held. Any
 * thread.
 */
enum health health_look(struct status *status, const struct graph *graph,
			json_t **tree_out);

#endif
