/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile-report - the last runs as a table, as JSON or as a page. */
#include <inttypes.h>

#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/cli/reconcile.h"

static const char *report_number(struct arena *arena, const json_t *run,
				 const char *member)
{
	const json_t *value = json_object_get(run, member);

	if (value == NULL)
		return "";
	return arena_format(arena, "%" JSON_INTEGER_FORMAT " %s",
			    json_integer_value(value), member);
}

/* "missing 3, orphan 1" */
static const char *report_found(struct arena *arena, const json_t *run)
{
	json_t *found = json_object_get(run, "found"), *count;
	const char *class, *text = found != NULL ? "nothing found" : "";
	bool first = true;

	json_object_foreach(found, class, count) {
		text = arena_format(arena, "%s%s%s %" JSON_INTEGER_FORMAT,
				    first ? "" : text, first ? "" : ", ", class,
				    json_integer_value(count));
		first = false;
	}
	return text;
}

static const char *report_applied(struct arena *arena, const json_t *run)
{
	if (json_object_get(run, "applied") == NULL)
		return "";
	return arena_format(arena, "%s, %s, %s, %s", report_number(arena, run, "applied"),
			    report_number(arena, run, "stood"),
			    report_number(arena, run, "moved"),
			    report_number(arena, run, "refused"));
}

static void report_print(const json_t *runs)
{
	struct common_table table = { .columns = 5 };
	json_t *run;
	size_t i;

	json_array_foreach((json_t *)runs, i, run) {
		common_cell(&table, reconcile_text(run, "finishedAt"));
		common_cell(&table, reconcile_text(run, "kind"));
		common_cell(&table, json_object_get(run, "looked") == NULL ? "" :
			    arena_format(&table.arena, "%" JSON_INTEGER_FORMAT " orders",
					 json_integer_value(json_object_get(run, "looked"))));
		common_cell(&table, report_found(&table.arena, run));
		common_cell(&table, report_applied(&table.arena, run));
	}
	if (i == 0)
		puts("no runs");
	else
		common_print(&table, stdout);
	common_table_fini(&table);
}

int reconcile_report(const struct reconcile_options *o)
{
	int status;
	struct reconcile_daemon *daemon = reconcile_open(o, &status);
	json_t *runs;

	if (daemon == NULL)
		return status;
	runs = reconcile_ask(daemon, "GET", "/admin/api/reconcile/runs", NULL);
	reconcile_close(&daemon);
	if (runs == NULL)
		return COMMON_FAILED;
	if (o->html != NULL && reconcile_html(o->html, runs) < 0)
		status = COMMON_FAILED;
	else
		status = COMMON_OK;
	if (o->common.json)
		common_print_json(json_pack("{sO}", "runs", runs));
	else if (o->html == NULL)
		report_print(runs);
	json_decref(runs);
	return status;
}
