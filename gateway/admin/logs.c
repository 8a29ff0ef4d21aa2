/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs - how much is logged, changed while it runs. The level is not stored, so a
 * restart or a reload takes what the configuration says; who changed it stands in
 * the audit, and in the log whatever the level is.
 */
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"

static const char *const logs_names[] = {
	[GANTRY_LOG_DEBUG] = "debug", [GANTRY_LOG_INFO] = "info",
	[GANTRY_LOG_WARNING] = "warning", [GANTRY_LOG_ERROR] = "error",
};

static void logs_answer(struct gantry_message *m)
{
	admin_answer(m, json_pack("{sb s{ss}}", "success", 1, "data", "level",
				  logs_names[log_level_now()]));
}

void logs_show(struct admin *admin, struct admin_job *job)
{
	(void)admin;
	logs_answer(job->m);
}

void logs_change(struct admin *admin, struct admin_job *job)
{
	struct gantry_message *m = job->m;
	const char *wanted = json_string_value(
		json_object_get(gantry_json(m, &m->error), "level"));
	unsigned level = 0;

	while (level < ARRAY_LENGTH(logs_names) &&
	       (wanted == NULL || strcmp(wanted, logs_names[level]) != 0))
		level++;
	if (level == ARRAY_LENGTH(logs_names)) {
		error_reset(&m->error);
		error_set(&m->error, "VALIDATION_ERROR",
			  "level: must be debug, info, warning or error");
		admin_refuse(m);
		return;
	}
	/* while it can be heard: before it falls silent, or after it was */
	if (!log_wants(GANTRY_LOG_WARNING))
		log_set_level((enum gantry_level)level);
	log_line(GANTRY_LOG_WARNING, m->correlation_id, NULL, "log level: %s by %s",
		 logs_names[level], job->actor);
	admin_note(admin, job, "log-level", "log", logs_names[level]);
	log_set_level((enum gantry_level)level);
	logs_answer(m);
}
