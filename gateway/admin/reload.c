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
	admin_note(admin, job, "reload", "configuration", "asked for");
	options->reload(options->ctx, job->m, job->actor);
}

void admin_reloaded(struct gantry_message *m, json_t *data)
{
	admin_answer(m, json_pack("{sb so}", "success", 1, "data", data));
}

void admin_refused(struct gantry_message *m)
{
	admin_refuse(m);
}
