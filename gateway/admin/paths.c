/* SPDX-License-Identifier: Apache-2.0 */
/* paths - see paths.h. */
#include "gateway/admin/paths.h"

#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"

#define API "/admin/api"
#define VIEW "gantry-admin:view"
#define RETRY "gantry-admin:retry"
#define EDIT "gantry-admin:edit"
#define DISCARD "gantry-admin:discard"
#define BREAKERS "gantry-admin:breakers"
#define LOG "gantry-admin:log"
#define RELOAD "gantry-admin:reload"

/* What asks the storage waits for its turn; the rest is done at once, on the loop. */
#define QUEUED(method, path, right, summary, work) \
	{ method, API path, right, summary, work, false, ADMIN_BY_RIGHT }
#define AT_ONCE(method, path, right, summary, work) \
	{ method, API path, right, summary, work, true, ADMIN_BY_RIGHT }

const struct admin_path admin_paths[] = {
	AT_ONCE("GET", "/overview", VIEW,
		"How the gateway is: health, work, what waits", look_overview),
	AT_ONCE("GET", "/routes", VIEW, "Routes and their pipelines", look_routes),
	AT_ONCE("GET", "/plugins", VIEW,
		"Instances of plugins with their options", look_plugins),
	QUEUED("GET", "/outbox", VIEW,
		"Events that wait to be published", look_outbox),
	QUEUED("GET", "/dead-letters", VIEW, "Open dead letters", look_list),
	QUEUED("GET", "/dead-letters/causes", VIEW,
		"How many open dead letters there are of each cause", look_causes),
	QUEUED("GET", "/dead-letters/{ref}", VIEW, "One dead letter, whole", look_one),
	QUEUED("POST", "/dead-letters/{ref}/retry", RETRY,
		"Handle it once more", resolve_retry),
	QUEUED("POST", "/dead-letters/{ref}/edit", EDIT,
		"Handle it once more with another body; ?check=true: only check that body", resolve_edit),
	QUEUED("POST", "/dead-letters/{ref}/discard", DISCARD,
		"Close it with a reason", resolve_discard),
	QUEUED("GET", "/audit", VIEW,
		"What operators did", look_audit),
	AT_ONCE("GET", "/breakers", VIEW, "Breakers and their states", guards_list),
	AT_ONCE("POST", "/breakers/{name}/open", BREAKERS,
		"Hold a breaker open", guards_open),
	AT_ONCE("POST", "/breakers/{name}/close", BREAKERS,
		"Hold a breaker closed", guards_close),
	AT_ONCE("POST", "/breakers/{name}/reset", BREAKERS,
		"Let a breaker judge by results again", guards_reset),
	AT_ONCE("GET", "/log-level", VIEW, "The least that is logged, and of how many messages", logs_show),
	AT_ONCE("POST", "/log-level", LOG,
		"Log more or less, until the next restart or reload", logs_change),
	AT_ONCE("POST", "/reload", RELOAD, "Read the configuration anew", reload_ask),
	{ "POST", API "/login", NULL, "A ticket for the page", login_admit, true,
	  ADMIN_BY_SOCKET },
	{ "POST", API "/session", NULL, "A ticket becomes a session", login_begin, true,
	  ADMIN_BY_TICKET },
	AT_ONCE("GET", "/session", VIEW, "Who one is, and what one may", login_show),
	AT_ONCE("DELETE", "/session", VIEW, "End the session", login_end),
	{ NULL, NULL, NULL, NULL, NULL, false, ADMIN_BY_RIGHT },
};

/* One segment of a path against {ref}, {name} or a word. */
static bool paths_take(struct gantry_message *m, struct admin_job *job,
		       const char *wanted, size_t wanted_len, const char *text, size_t len)
{
	if (wanted_len == 5 && strncmp(wanted, "{ref}", 5) == 0)
		return len > 0 && len <= 19 && strspn(text, "0123456789") >= len &&
		       parse_integer(arena_text_n(&m->arena, text, len), &job->ref) &&
		       job->ref != 0;
	if (*wanted == '{') {
		job->name = arena_text_n(&m->arena, text, len);
		return true;
	}
	return len == wanted_len && memcmp(text, wanted, len) == 0;
}

static bool paths_fits(struct gantry_message *m, struct admin_job *job, const char *wanted)
{
	const char *text = m->path;

	while (*wanted == '/' && *text == '/') {
		size_t wanted_len = strcspn(++wanted, "/"), len = strcspn(++text, "/");

		if (!paths_take(m, job, wanted, wanted_len, text, len))
			return false;
		wanted += wanted_len;
		text += len;
	}
	return *wanted == '\0' && *text == '\0';
}

const struct admin_path *paths_find(struct gantry_message *m, struct admin_job *job,
				    const char **allowed_out,
				    const struct admin_path **near_out)
{
	*allowed_out = NULL;
	*near_out = NULL;
	for (const struct admin_path *p = admin_paths; p->method != NULL; p++) {
		if (!paths_fits(m, job, p->path))
			continue;
		if (strcmp(m->method, p->method) == 0)
			return p;
		*allowed_out = *allowed_out == NULL ? p->method :
			       arena_format(&m->arena, "%s, %s", *allowed_out, p->method);
		*near_out = p;
	}
	return NULL;
}
