/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload - somebody wants the configuration read anew. Done by the main thread
 * and answered from there; here it is only handed on.
 */
#include <string.h>

#include "gateway/admin/private.h"

void reload_ask(struct admin *admin, struct admin_job *job)
{
	const struct admin_options *options = admin_options(admin);

	if (options->reload == NULL) {
		error_set(&job->m->error, "ROUTE_NOT_FOUND", "There is nothing at this path");
		admin_refuse(job->m);
		return;
	}
	job->m->actor = job->actor;
	options->reload(options->ctx, job->m, job->actor);
}

static void reload_note(struct admin *admin, struct gantry_message *m, const char *result)
{
	admin_note(admin, &(struct admin_job){ .m = m, .actor = m->actor }, "reload",
		   "configuration", result);
}

void admin_reloaded(struct admin *admin, struct gantry_message *m, json_t *data)
{
	reload_note(admin, m, "done");
	admin_answer(m, json_pack("{sb so}", "success", 1, "data", data));
}

void admin_refused(struct admin *admin, struct gantry_message *m)
{
	if (admin != NULL)
		reload_note(admin, m, "refused");
	admin_refuse(m);
}
