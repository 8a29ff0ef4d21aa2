/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile-apply - gives the daemon a plan in portions, and says for each row what
 * became of it. What is about one order goes in one portion: its commands have the
 * order as it was read as their condition.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/cli/reconcile.h"

#define APPLY_ACTION "/admin/api/actions/reconcile.apply"
#define APPLY_PORTION 32
#define APPLY_MOST 500		/* that a message may have */

enum apply_result { APPLY_APPLIED, APPLY_STOOD, APPLY_MOVED, APPLY_REFUSED, APPLY_RESULTS };

static const char *const apply_names[] = { "applied", "stood", "moved", "refused" };

struct apply {
	const struct reconcile_options *options;
	struct reconcile_daemon *daemon;
	const json_t *drifts;
	json_t *results;		/* --json */
	int64_t counts[APPLY_RESULTS];
	bool progress;
	time_t told;
};

static void apply_count(struct apply *a, const char *result)
{
	for (unsigned i = 0; i < APPLY_RESULTS; i++)
		if (strcmp(apply_names[i], result) == 0)
			a->counts[i]++;
}

static void apply_print(struct apply *a, const json_t *drift, const json_t *got)
{
	const json_t *error = json_object_get(got, "error");
	const char *result = reconcile_text(got, "result");
	struct arena arena = { 0 };
	json_t *row;

	apply_count(a, result);
	if (a->options->common.json) {
		row = json_copy((json_t *)drift);
		json_object_set(row, "result", json_object_get(got, "result"));
		if (error != NULL)
			json_object_set(row, "error", (json_t *)error);
		json_array_append_new(a->results, row);
	} else {
		printf("%-8s  %-10s  %s: %s%s%s%s\n", result,
		       reconcile_text(drift, "class"), reconcile_object(&arena, drift),
		       reconcile_text(json_object_get(drift, "command"), "do"),
		       error != NULL ? ": " : "",
		       error != NULL ? reconcile_text(error, "code") : "",
		       strcmp(result, "stood") == 0 ? ": was so already" : "");
	}
	arena_fini(&arena);
}

static void apply_progress(struct apply *a, size_t at)
{
	time_t now = time(NULL);

	if (!a->progress || now == a->told)
		return;
	a->told = now;
	fprintf(stderr, "gantry: %zu of %zu\n", at, json_array_size(a->drifts));
}

static int apply_portion(struct apply *a, json_t *portion)
{
	json_t *data = reconcile_ask(a->daemon, "POST", APPLY_ACTION,
				     json_pack("{sO}", "drifts", portion));
	const json_t *drift;
	size_t i;

	if (data == NULL)
		return -1;
	json_array_foreach(portion, i, drift)
		apply_print(a, drift, json_array_get(data, i));
	json_decref(data);
	return 0;
}

static bool apply_is_same_order(const json_t *a, const json_t *b)
{
	const char *id = reconcile_text(a, "orderId");

	return *id != '\0' && strcmp(id, reconcile_text(b, "orderId")) == 0;
}

static bool apply_ends(const struct apply *a, const json_t *portion, size_t at)
{
	size_t n = json_array_size(portion);

	if (n < APPLY_PORTION)
		return false;
	return n == APPLY_MOST ||
	       !apply_is_same_order(json_array_get(a->drifts, at),
				    json_array_get(a->drifts, at + 1));
}

static int apply_all(struct apply *a)
{
	json_t *portion = json_array(), *drift;
	int result = 0;
	size_t i;

	json_array_foreach((json_t *)a->drifts, i, drift) {
		if (json_object_get(drift, "command") != NULL)
			json_array_append(portion, drift);
		if (!apply_ends(a, portion, i))
			continue;
		result = apply_portion(a, portion);
		json_array_clear(portion);
		if (result < 0)
			break;
		apply_progress(a, i);
	}
	if (result == 0 && json_array_size(portion) > 0)
		result = apply_portion(a, portion);
	json_decref(portion);
	return result;
}

/* Kept beside the plans, for the report. */
static int apply_keep(struct apply *a)
{
	json_t *counts = json_object(), *data;

	for (unsigned i = 0; i < APPLY_RESULTS; i++)
		json_object_set_new(counts, apply_names[i], json_integer(a->counts[i]));
	if (a->options->common.json)
		common_print_json(json_pack("{sO sO}", "results", a->results, "counts",
					    counts));
	else
		printf("%s%lld applied, %lld stood, %lld moved, %lld refused\n",
		       a->counts[0] + a->counts[1] + a->counts[2] + a->counts[3] > 0 ?
			       "\n" : "",
		       (long long)a->counts[0], (long long)a->counts[1],
		       (long long)a->counts[2], (long long)a->counts[3]);
	data = reconcile_ask(a->daemon, "POST", APPLY_ACTION,
			     json_pack("{so}", "run", counts));
	json_decref(data);
	return data != NULL ? 0 : -1;
}

/* The file, or NULL with the reason told. */
static json_t *apply_load(const char *path)
{
	json_error_t error;
	bool standard = strcmp(path, "-") == 0;
	json_t *plan = standard ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &error) :
				  json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	if (plan == NULL) {
		fprintf(stderr, "gantry: %s:%d: not a plan: %s\n", path, error.line,
			error.text);
		return NULL;
	}
	if (json_integer_value(json_object_get(plan, "gantryPlan")) == 1 &&
	    json_is_array(json_object_get(plan, "drifts")))
		return plan;
	fprintf(stderr, "gantry: %s: not a plan of \"gantry reconcile plan\"\n", path);
	json_decref(plan);
	return NULL;
}

int reconcile_apply(const struct reconcile_options *o)
{
	struct apply a = { .options = o, .results = json_array() };
	json_t *plan = apply_load(o->plan);
	int status = COMMON_FAILED;

	a.drifts = json_object_get(plan, "drifts");
	a.progress = o->progress || isatty(STDERR_FILENO);
	if (plan != NULL)
		a.daemon = reconcile_open(o, &status);
	if (a.daemon != NULL) {
		int failed = apply_all(&a);

		/* what was done stands, also if the rest could not be */
		failed |= apply_keep(&a);
		status = failed != 0 || a.counts[APPLY_MOVED] > 0 ||
				 a.counts[APPLY_REFUSED] > 0 ? COMMON_FAILED : COMMON_OK;
	}
	reconcile_close(&a.daemon);
	json_decref(a.results);
	json_decref(plan);
	return status;
}
