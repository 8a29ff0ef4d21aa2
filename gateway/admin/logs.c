/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs - how much is logged, changed while it runs: from which level on, and of how
 * many messages. That is not stored, so a restart or a reload takes what the
 * configuration says; who changed it stands in the audit, and in the log whatever the
 * level is.
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
	admin_answer(m, json_pack("{sb s{ss si}}", "success", 1, "data", "level",
				  logs_names[log_level_now()], "sample",
				  (int)log_sample_now()));
}

void logs_show(struct admin *admin, struct admin_job *job)
{
	(void)admin;
	logs_answer(job->m);
}

struct logs_wanted {
	enum gantry_level level;
	unsigned sample;
};

/* What it is to be; what is not given stays as it is. -1 with m->error. */
static int logs_read(struct gantry_message *m, struct logs_wanted *out)
{
	const json_t *body = gantry_json(m, &m->error);
	const json_t *level = json_object_get(body, "level");
	const json_t *sample = json_object_get(body, "sample");
	const char *name = json_string_value(level);
	unsigned i = 0;

	error_reset(&m->error);
	*out = (struct logs_wanted){ log_level_now(), log_sample_now() };
	while (name != NULL && i < ARRAY_LENGTH(logs_names) && strcmp(name, logs_names[i]) != 0)
		i++;
	if ((level != NULL || sample == NULL) &&
	    (name == NULL || i == ARRAY_LENGTH(logs_names)))
		return error_set(&m->error, "VALIDATION_ERROR",
				 "level: must be debug, info, warning or error");
	if (sample != NULL && (!json_is_integer(sample) || json_integer_value(sample) < 0 ||
			       json_integer_value(sample) > 100))
		return error_set(&m->error, "VALIDATION_ERROR", "sample: must be 0 to 100");
	if (name != NULL)
		out->level = (enum gantry_level)i;
	if (sample != NULL)
		out->sample = (unsigned)json_integer_value(sample);
	return 0;
}

void logs_change(struct admin *admin, struct admin_job *job)
{
	struct gantry_message *m = job->m;
	struct logs_wanted wanted;
	char text[32];

	if (logs_read(m, &wanted) < 0) {
		admin_refuse(m);
		return;
	}
	snprintf(text, sizeof(text), "%s", logs_names[wanted.level]);
	if (wanted.sample != log_sample_now())
		snprintf(text, sizeof(text), "%s, sample %u %%", logs_names[wanted.level],
			 wanted.sample);
	/* while it can be heard: before it falls silent, or after it was */
	if (!log_wants(GANTRY_LOG_WARNING))
		log_set_level(wanted.level);
	log_line(GANTRY_LOG_WARNING, m->correlation_id, m->traceparent, "log level: %s by %s", text,
		 job->actor);
	admin_note(admin, job, "log-level", "log", text);
	log_set_level(wanted.level);
	log_set_sample(wanted.sample);
	logs_answer(m);
}
