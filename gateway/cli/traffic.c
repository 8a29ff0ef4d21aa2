/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic - see traffic.h. A reading is a tree: counts by route, those of its bucket
 * bounds, and of all routes together under "".
 */
#include "gateway/cli/traffic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/upstream/local.h"

static double traffic_number(const json_t *tree, const char *name)
{
	return json_number_value(json_object_get(tree, name));
}

static json_t *traffic_object(json_t *tree, const char *name)
{
	if (json_object_get(tree, name) == NULL)
		json_object_set_new(tree, name, json_object());
	return json_object_get(tree, name);
}

static void traffic_add(json_t *tree, const char *name, double value)
{
	json_object_set_new(tree, name, json_real(traffic_number(tree, name) + value));
}

/* The value of a label of the line, "" without it. Routes have nothing to unescape. */
static const char *traffic_label(struct arena *arena, const char *line, const char *label)
{
	const char *wanted = arena_format(arena, "%s=\"", label);
	const char *at = strstr(line, wanted);

	if (at == NULL)
		return "";
	at += strlen(wanted);
	return arena_text_n(arena, at, strcspn(at, "\""));
}

static void traffic_request(struct arena *arena, json_t *routes, const char *line,
			    double value)
{
	const char *status = traffic_label(arena, line, "status");
	const char *kind = *status >= '5' ? "failed" : *status == '4' ? "refused" : "answered";

	traffic_add(traffic_object(routes, ""), kind, value);
	traffic_add(traffic_object(routes, traffic_label(arena, line, "route")), kind, value);
}

static void traffic_bucket(struct arena *arena, json_t *routes, const char *line, double value)
{
	const char *le = traffic_label(arena, line, "le");
	const char *route = traffic_label(arena, line, "route");

	traffic_add(traffic_object(traffic_object(routes, ""), "buckets"), le, value);
	traffic_add(traffic_object(traffic_object(routes, route), "buckets"), le, value);
}

static bool traffic_is(const char *line, const char *name)
{
	size_t n = strcspn(line, "{ ");

	return n == strlen(name) && memcmp(line, name, n) == 0;
}

static void traffic_line(struct arena *arena, json_t *reading, const char *line)
{
	const char *space = strrchr(line, ' ');
	double value = space != NULL ? strtod(space + 1, NULL) : 0;
	json_t *routes = traffic_object(reading, "routes");

	if (traffic_is(line, "gantry_http_requests_total"))
		traffic_request(arena, routes, line, value);
	else if (traffic_is(line, "gantry_http_request_duration_seconds_bucket"))
		traffic_bucket(arena, routes, line, value);
	else if (traffic_is(line, "gantry_events_total"))
		traffic_add(reading, "consumed", value);
	else if (traffic_is(line, "gantry_published_total"))
		traffic_add(reading, "published", value);
}

static json_t *traffic_read(struct local *local, struct gantry_error *err)
{
	struct local_answer answer = { 0 };
	struct arena arena = { 0 };
	json_t *reading;
	const char *at;
	size_t len;

	if (local_ask(local, "GET", "/metrics", NULL, 0, &answer, err) < 0)
		return NULL;
	json_decref(answer.body);
	if (answer.status != 200) {
		gantry_fail(err, "the daemon does not tell its metrics: is it of this version?");
		return NULL;
	}
	reading = json_object();
	traffic_object(reading, "routes");
	at = local_bytes(local, &len);
	for (const char *end = at + len; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = stop != NULL ? (size_t)(stop - at) : (size_t)(end - at);

		if (n > 0 && *at != '#')
			traffic_line(&arena, reading, arena_text_n(&arena, at, n));
		at += n + 1;
	}
	arena_fini(&arena);
	return reading;
}

/* A bound below which a share of what came in between was, in ms; -1: nothing came. */
static double traffic_quantile(const json_t *before, json_t *after, double share)
{
	double total = traffic_number(after, "+Inf") - traffic_number(before, "+Inf");
	double from = 0, below = 0;
	const json_t *value;
	const char *le;

	if (total <= 0)
		return -1;
	json_object_foreach(after, le, value) {		/* in the order of the page */
		double here = json_number_value(value) - traffic_number(before, le);
		double to = strtod(le, NULL);

		if (here >= share * total && isfinite(to))
			return 1000 * (here <= below ? to : from + (to - from) *
				       (share * total - below) / (here - below));
		if (isfinite(to))
			from = to;
		below = here;
	}
	return 1000 * from;
}

static json_t *traffic_latency(const json_t *before, const json_t *after, double share)
{
	double ms = traffic_quantile(json_object_get(before, "buckets"),
				     json_object_get(after, "buckets"), share);

	return ms < 0 ? json_null() : json_real(ms);
}

/* What came in between, a second. */
static json_t *traffic_rate(const json_t *before, const json_t *after, const char *name,
			    double seconds)
{
	double n = traffic_number(after, name) - traffic_number(before, name);

	return json_real(n > 0 ? n / seconds : 0);
}

static json_t *traffic_rates(const json_t *before, const json_t *after, double seconds)
{
	return json_pack("{so so so so so so}",
		"answered", traffic_rate(before, after, "answered", seconds),
		"refused", traffic_rate(before, after, "refused", seconds),
		"failed", traffic_rate(before, after, "failed", seconds),
		"halfBelowMs", traffic_latency(before, after, 0.5),
		"95BelowMs", traffic_latency(before, after, 0.95),
		"99BelowMs", traffic_latency(before, after, 0.99));
}

static json_t *traffic_between(const json_t *before, const json_t *after, double seconds)
{
	const json_t *was = json_object_get(before, "routes");
	json_t *now = json_object_get(after, "routes"), *route, *list = json_array(), *tree;
	const char *name;

	tree = traffic_rates(json_object_get(was, ""), json_object_get(now, ""), seconds);
	json_object_set_new(tree, "seconds", json_real(seconds));
	json_object_set_new(tree, "consumed", traffic_rate(before, after, "consumed", seconds));
	json_object_set_new(tree, "published",
			    traffic_rate(before, after, "published", seconds));
	json_object_foreach(now, name, route) {
		json_t *one = traffic_rates(json_object_get(was, name), route, seconds);

		json_object_set_new(one, "route", json_string(name));
		if (*name != '\0')
			json_array_append(list, one);
		json_decref(one);
	}
	json_object_set_new(tree, "routes", list);
	return tree;
}

static const char *traffic_ms(struct arena *arena, const json_t *tree, const char *name)
{
	const json_t *value = json_object_get(tree, name);

	return !json_is_real(value) ? "-" :
	       arena_format(arena, "%.1f ms", json_real_value(value));
}

static void traffic_row(struct common_table *t, const char *name, const json_t *tree)
{
	static const char *const kinds[] = { "answered", "refused", "failed" };

	common_cell(t, name);
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
		common_cell(t, arena_format(&t->arena, "%.1f/s %s",
					    traffic_number(tree, kinds[i]), kinds[i]));
	common_cell(t, arena_format(&t->arena, "half below %s",
				    traffic_ms(&t->arena, tree, "halfBelowMs")));
	common_cell(t, arena_format(&t->arena, "95 %% below %s",
				    traffic_ms(&t->arena, tree, "95BelowMs")));
	common_cell(t, arena_format(&t->arena, "99 %% below %s",
				    traffic_ms(&t->arena, tree, "99BelowMs")));
}

static void traffic_print(json_t *tree)
{
	struct common_table t = { .columns = 7 };
	const json_t *route;
	size_t i;

	traffic_row(&t, "all requests", tree);
	json_array_foreach(json_object_get(tree, "routes"), i, route)
		if (!json_is_null(json_object_get(route, "halfBelowMs")))
			traffic_row(&t, json_string_value(json_object_get(route, "route")),
				    route);
	common_print(&t, stdout);
	printf("events: %.1f/s consumed, %.1f/s published\n", traffic_number(tree, "consumed"),
	       traffic_number(tree, "published"));
	common_table_fini(&t);
	json_decref(tree);
}

static json_t *traffic_watch(const char *socket, int64_t over_ms, struct gantry_error *err)
{
	struct local *local = local_open(socket, err);
	json_t *before = NULL, *after = NULL, *tree = NULL;
	int64_t began = clock_steady_ns();

	if (local != NULL)
		before = traffic_read(local, err);
	if (before != NULL) {
		nanosleep(&(struct timespec){ over_ms / 1000, over_ms % 1000 * 1000000 },
			  NULL);
		after = traffic_read(local, err);
	}
	if (after != NULL)
		tree = traffic_between(before, after,
				       (double)(clock_steady_ns() - began) / 1e9);
	json_decref(before);
	json_decref(after);
	local_close(&local);
	return tree;
}

int traffic_show(const char *socket, int64_t over_ms, bool json)
{
	struct gantry_error err = ERROR_INIT;
	json_t *tree = traffic_watch(socket, over_ms, &err);

	if (tree == NULL) {
		fprintf(stderr, "gantry: %s\n", err.message);
		error_fini(&err);
		return COMMON_FAILED;
	}
	if (json)
		common_print_json(tree);
	else
		traffic_print(tree);
	return COMMON_OK;
}
