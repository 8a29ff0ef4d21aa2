/* SPDX-License-Identifier: Apache-2.0 */
/*
 * action - what the routes {admin: NAME, ...} of the configuration offer: the
 * request itself becomes the message and goes through their pipeline. What it
 * changes is in the audit of its unit. Knows no action by its name.
 */
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/log.h"

#define ACTION_PATH "/admin/api/actions/"
#define ACTION_SHORT "/admin/api/"

/* "reconcile/runs" is "reconcile.runs". */
static bool action_is_short(const char *name, const char *path)
{
	const char *slash = strchr(path, '/');
	size_t n = slash != NULL ? (size_t)(slash - path) : 0;

	return n > 0 && strncmp(name, path, n) == 0 && name[n] == '.' &&
	       strcmp(name + n + 1, slash + 1) == 0;
}

bool action_find(const struct gantry_message *m, struct admin_job *job)
{
	const struct graph *graph = m->graph;
	bool whole = strncmp(m->path, ACTION_PATH, strlen(ACTION_PATH)) == 0;
	const char *rest = m->path + strlen(whole ? ACTION_PATH : ACTION_SHORT);

	if (strncmp(m->path, ACTION_SHORT, strlen(ACTION_SHORT)) != 0)
		return false;
	for (unsigned i = 0; i < graph->n_routes; i++) {
		const struct route *route = graph->routes[i];

		if (route->source != GANTRY_SOURCE_ADMIN)
			continue;
		if (whole ? strcmp(route->action, rest) == 0 :
			    route->looks && action_is_short(route->action, rest)) {
			job->route = route;
			job->name = whole ? "POST" : "GET";
			return true;
		}
	}
	return false;
}

void action_run(struct admin *admin, struct admin_job *job)
{
	const struct admin_options *options = admin_options(admin);
	struct gantry_message *m = job->m;

	if (!access_check(admin, job, job->route->looks ? "gantry-admin:view" :
							  "gantry-admin:edit"))
		return;
	if (strcmp(m->method, job->name) != 0) {
		admin_wrong_method(m, job->name);
		return;
	}
	m->source = GANTRY_SOURCE_ADMIN;
	m->route = job->route;
	m->actor = job->actor;
	if (!job->route->looks)
		log_line(GANTRY_LOG_INFO, m->correlation_id, m->traceparent, "%s: by %s",
			 job->route->address, job->actor);
	engine_submit(options->engine, m);
}
