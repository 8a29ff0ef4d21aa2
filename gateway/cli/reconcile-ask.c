/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile-ask - asks the daemon, with patience for what is away for a moment. */
#include <string.h>
#include <unistd.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/cli/reconcile.h"
#include "gateway/config/config.h"
#include "gateway/upstream/local.h"

#define RECONCILE_TRIES 4	/* pauses of 1, 2 and 4 s between them */

struct reconcile_daemon {
	struct local *local;
};

struct reconcile_daemon *reconcile_open(const struct reconcile_options *o,
					int *status_out)
{
	struct problems problems = { 0 };
	struct config *config = config_load_with(o->common.config, o->common.with,
						 o->common.presets, &problems);
	struct reconcile_daemon *daemon = NULL;
	struct gantry_error err = ERROR_INIT;

	*status_out = COMMON_USAGE;
	if (problems.n > 0) {
		problems_print(&problems, stderr);
	} else {
		*status_out = COMMON_FAILED;
		daemon = memory_new(sizeof(*daemon));
		daemon->local = local_open(config->admin.socket, &err);
	}
	if (daemon != NULL && daemon->local == NULL) {
		fprintf(stderr, "gantry: %s\n", err.message);
		free(daemon);
		daemon = NULL;
	}
	error_fini(&err);
	problems_fini(&problems);
	config_free(&config);
	return daemon;
}

void reconcile_close(struct reconcile_daemon **daemon)
{
	if (*daemon == NULL)
		return;
	local_close(&(*daemon)->local);
	free(*daemon);
	*daemon = NULL;
}

const char *reconcile_text(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text != NULL ? text : "";
}

/* All that is wrong with a plan, a line each. */
static void reconcile_tell(const struct local_answer *answer)
{
	const json_t *error = json_object_get(answer->body, "error"), *problem;
	const json_t *details = json_object_get(error, "details");
	size_t i;

	if (answer->status == 404) {
		fputs("gantry: the daemon has no such action: has its configuration "
		      "routes {admin: reconcile.plan, ...}?\n", stderr);
		return;
	}
	fprintf(stderr, "gantry: %s\n", error != NULL ? reconcile_text(error, "message") :
		"the daemon does not understand: is it of this version?");
	json_array_foreach(details, i, problem)
		fprintf(stderr, "gantry: %s: %s\n", reconcile_text(problem, "field"),
			reconcile_text(problem, "problem"));
}

static bool reconcile_is_away(const struct local_answer *answer)
{
	return answer->status == 503 || answer->status == 429;
}

json_t *reconcile_ask(struct reconcile_daemon *daemon, const char *method,
		      const char *target, json_t *body)
{
	AUTO_FREE char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	struct local_answer answer = { 0 };
	struct gantry_error err = ERROR_INIT;
	json_t *data = NULL;
	int failed = 0;

	json_decref(body);
	for (unsigned i = 0; i < RECONCILE_TRIES; i++) {
		if (i > 0)
			sleep(1U << (i - 1));
		json_decref(answer.body);
		answer = (struct local_answer){ 0 };
		failed = local_ask(daemon->local, method, target, text,
				   text != NULL ? strlen(text) : 0, &answer, &err);
		if (failed < 0 || !reconcile_is_away(&answer))
			break;
	}
	if (failed < 0)
		fprintf(stderr, "gantry: %s\n", err.message);
	else if (answer.status != 200)
		reconcile_tell(&answer);
	else
		data = json_incref(json_object_get(answer.body, "data"));
	json_decref(answer.body);
	error_fini(&err);
	return data;
}

const char *reconcile_object(struct arena *arena, const json_t *drift)
{
	static const char *const members[] = { "orderId", "orderItemId", "allocationId",
					       "inventoryItemId" };
	const char *text = "";

	for (unsigned i = 0; i < ARRAY_LENGTH(members); i++) {
		const char *id = reconcile_text(drift, members[i]);

		/* an allocation says which item it is of */
		if (*id == '\0' || (i == 3 && *text != '\0'))
			continue;
		text = *text == '\0' ? id : arena_format(arena, "%s %s", text, id);
	}
	return *text != '\0' ? text : "-";
}

const char *reconcile_value(struct arena *arena, const json_t *drift, const char *member)
{
	const json_t *value = json_object_get(drift, member);

	if (json_is_integer(value))
		return arena_format(arena, "%" JSON_INTEGER_FORMAT,
				    json_integer_value(value));
	return reconcile_text(drift, member);
}
