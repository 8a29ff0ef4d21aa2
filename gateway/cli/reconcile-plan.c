/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile-plan - goes over everything by the daemon's pages, and writes what it
 * finds as it comes: a plan of any size takes no memory here. What follows the
 * drifts is written last, so that half a plan is no plan.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/utf8.h"
#include "gateway/cli/common.h"
#include "gateway/cli/reconcile.h"

#define PLAN_ACTION "/admin/api/actions/reconcile.plan"
#define PLAN_GIVEN 20		/* ids in one request */
#define PLAN_MAX_ID 128

struct plan {
	const struct reconcile_options *options;
	struct reconcile_daemon *daemon;
	FILE *out;
	bool json, progress;
	int64_t n, proposed;		/* drifts, and those that something mends */
	time_t told;
	json_t *cursor;
};

static void plan_print(struct plan *p, const json_t *drift)
{
	struct arena arena = { 0 };
	bool mends = json_object_get(drift, "command") != NULL;

	p->proposed += mends;
	if (p->json) {
		fputs(p->n++ > 0 ? ",\n" : "\n", p->out);
		json_dumpf(drift, p->out, JSON_COMPACT);
	} else {
		p->n++;
		fprintf(p->out, "%-10s  %-8s  %s: said %s, held %s: %s\n",
			reconcile_text(drift, "class"), mends ? "mend" : "report",
			reconcile_object(&arena, drift),
			reconcile_value(&arena, drift, "said"),
			reconcile_value(&arena, drift, "held"),
			reconcile_text(drift, "why"));
	}
	arena_fini(&arena);
}

static int64_t plan_count(const struct plan *p, const char *member)
{
	return json_integer_value(json_object_get(p->cursor, member));
}

static void plan_progress(struct plan *p)
{
	time_t now = time(NULL);

	if (!p->progress || now == p->told)
		return;
	p->told = now;
	fprintf(stderr, "gantry: %s: %lld orders, %lld drifts\n",
		reconcile_text(p->cursor, "stage"), (long long)plan_count(p, "looked"),
		(long long)p->n);
}

/* One request; 1: go on, 0: it was the last, -1. */
static int plan_step(struct plan *p, json_t *ids)
{
	json_t *body = json_object(), *data, *drift;
	size_t i;
	int result;

	if (p->cursor != NULL)
		json_object_set(body, "cursor", p->cursor);
	if (ids != NULL)
		json_object_set_new(body, "orders", ids);
	data = reconcile_ask(p->daemon, "POST", PLAN_ACTION, body);
	if (data == NULL)
		return -1;
	json_array_foreach(json_object_get(data, "drifts"), i, drift)
		plan_print(p, drift);
	json_decref(p->cursor);
	p->cursor = json_incref(json_object_get(data, "cursor"));
	result = json_is_true(json_object_get(data, "done")) ? 0 : 1;
	json_decref(data);
	plan_progress(p);
	return result;
}

/* A line that is no id: told, with its number. */
static bool plan_is_id(const char *path, int64_t line, const char *id)
{
	if (utf8_is_id(id, strlen(id), PLAN_MAX_ID))
		return true;
	fprintf(stderr, "gantry: %s:%lld: not the id of an order\n", path, (long long)line);
	return false;
}

/* Ids, one a line; empty lines do not count. */
static int plan_lines(struct plan *p, FILE *in, const char *path)
{
	AUTO_FREE char *line = NULL;
	json_t *ids = json_array();
	size_t room = 0;
	int64_t number = 0;
	int result = 0;

	while (result >= 0 && getline(&line, &room, in) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		number++;
		if (*line == '\0')
			continue;
		if (!plan_is_id(path, number, line)) {
			result = -1;
			break;
		}
		json_array_append_new(ids, json_string(line));
		if (json_array_size(ids) == PLAN_GIVEN) {
			result = plan_step(p, ids);
			ids = json_array();
		}
	}
	if (result >= 0 && json_array_size(ids) > 0)
		return plan_step(p, ids);
	json_decref(ids);
	return result;
}

static int plan_orders(struct plan *p)
{
	const char *path = p->options->orders;
	bool own = path != NULL && strcmp(path, "-") != 0;
	FILE *in = own ? fopen(path, "r") : stdin;
	int result;

	if (path == NULL)
		return 0;
	if (in == NULL) {
		fprintf(stderr, "gantry: %s: %s\n", path, strerror(errno));
		return -1;
	}
	result = plan_lines(p, in, path);
	if (own)
		fclose(in);
	return result;
}

static void plan_head(struct plan *p)
{
	char at[CLOCK_TEXT];

	if (!p->json)
		return;
	clock_format(clock_now_ms(), at);
	fprintf(p->out, "{\"gantryPlan\":1,\"createdAt\":\"%s\",\"drifts\":[", at);
}

static void plan_tail(struct plan *p)
{
	json_t *counts;

	if (!p->json) {
		fprintf(p->out, "%s%lld orders: %lld drifts, %lld to mend; %lld moved a moment "
			"ago, %lld not judged\n", p->n > 0 ? "\n" : "",
			(long long)plan_count(p, "looked"), (long long)p->n,
			(long long)p->proposed, (long long)plan_count(p, "spared"),
			(long long)plan_count(p, "skipped"));
		return;
	}
	counts = json_pack("{sO sO sO sO sO}", "run", json_object_get(p->cursor, "run"),
			   "looked", json_object_get(p->cursor, "looked"),
			   "spared", json_object_get(p->cursor, "spared"),
			   "skipped", json_object_get(p->cursor, "skipped"),
			   "found", json_object_get(p->cursor, "found"));
	fprintf(p->out, "%s],\n\"run\":", p->n > 0 ? "\n" : "");
	json_dumpf(counts, p->out, JSON_COMPACT);
	fputs("}\n", p->out);
	json_decref(counts);
}

static int plan_run(struct plan *p)
{
	int result;

	plan_head(p);
	result = plan_orders(p);
	while (result >= 0 && (result = plan_step(p, NULL)) > 0)
		;
	if (result < 0)
		return COMMON_FAILED;
	plan_tail(p);
	if (fflush(p->out) == 0 && !ferror(p->out))
		return COMMON_OK;
	fprintf(stderr, "gantry: cannot write the plan: %s\n", strerror(errno));
	return COMMON_FAILED;
}

int reconcile_plan(const struct reconcile_options *o)
{
	struct plan p = { .options = o, .out = stdout };
	int status;

	p.json = o->common.json || o->output != NULL || (!o->text && !isatty(STDOUT_FILENO));
	p.progress = o->progress || isatty(STDERR_FILENO);
	p.daemon = reconcile_open(o, &status);
	if (p.daemon == NULL)
		return status;
	if (o->output != NULL)
		p.out = fopen(o->output, "w");
	if (p.out == NULL) {
		fprintf(stderr, "gantry: %s: %s\n", o->output, strerror(errno));
		status = COMMON_FAILED;
	} else {
		status = plan_run(&p);
	}
	if (p.out != NULL && p.out != stdout)
		fclose(p.out);
	json_decref(p.cursor);
	reconcile_close(&p.daemon);
	return status;
}
