/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_world - a gateway's upstreams and the server that they ask. Included by
   one program. */
#ifndef UNIT_UPSTREAM_WORLD_H
#define UNIT_UPSTREAM_WORLD_H

#include "tests/unit/config_files.h"

#include <signal.h>

#include "gateway/pipeline/graph.h"
#include "gateway/plugin/plugins.h"
#include "gateway/upstream/upstream.h"
#include "tests/fake/web.h"

struct world {
	struct files files;
	struct web web;
	struct config *config;
	struct plugins *plugins;
	struct graph *graph;
	struct breakers *breakers;
	struct upstreams *upstreams;
	pthread_mutex_t lock;
	pthread_cond_t ended;
};

static struct world w;

static inline void start_at(const char *base, const char *options)
{
	struct problems problems = { 0 };
	struct gantry_error err = ERROR_INIT;
	char *yaml, *text;

	files_begin(&w.files);
	web_start(&w.web);
	w.web.token = "Authorization: Bearer ";
	free(files_write(&w.files, "key", "0123456789abcdef0123456789abcdef", 32));
	yaml = memory_format("%s/key", w.files.folder);
	assert_int_equal(chmod(yaml, 0600), 0);
	free(yaml);
	yaml = memory_format(
		"service: inventory-service\n"
		"storage: {plugin: " PLUGINS_BUILT "/memory/.libs/memory.so}\n"
		"auth: {ours: {plugin: " PLUGINS_BUILT "/jwt/.libs/jwt.so, key_file: key, "
		"algorithm: HS256, issuer: shop, audience: me}}\n"
		"breakers: {b: {plugin: " PLUGINS_BUILT "/breaker/.libs/breaker.so, "
		"reset_timeout: 300ms}}\n"
		"upstreams: {web: {url: \"http://127.0.0.1:%u%s\"%s%s%s%s}}\n",
		w.web.port, base, strstr(options, ", timeout") ? "" : ", timeout: 400ms",
		strstr(options, ", deadline") ? "" : ", deadline: 2s",
		strstr(options, ", backoff") ? "" : ", backoff: 10ms", options);
	files_put(&w.files, "gantry.yaml", yaml);
	free(yaml);
	w.config = files_load(&w.files, &problems);
	w.plugins = plugins_new("/nowhere");
	graph_build(w.config, w.plugins, &problems, &w.graph);
	text = files_problems(&w.files, &problems);
	assert_string_equal(text, "");
	free(text);
	problems_fini(&problems);
	assert_int_equal(graph_open(w.graph, &err), 0);
	w.breakers = breakers_new(w.graph);
	w.upstreams = upstreams_start(w.config, w.graph, w.breakers);
}

static inline void start(const char *options)
{
	start_at("", options);
}

static inline void stop(void)
{
	upstreams_stop(&w.upstreams);
	breakers_free(&w.breakers);
	graph_free(&w.graph);
	plugins_free(&w.plugins);
	config_free(&w.config);
	web_stop(&w.web);
	files_end(&w.files);
}

static inline void ended(struct call *call)
{
	pthread_mutex_lock(&w.lock);
	*(bool *)call->data = true;
	pthread_cond_broadcast(&w.ended);
	pthread_mutex_unlock(&w.lock);
}

struct asked {
	struct call call;
	bool done;
};

static inline void begin(struct asked *a, const struct gantry_request *request)
{
	static const char *const none[] = { NULL };

	*a = (struct asked){ .call = { .request = *request, .done = ended } };
	a->call.data = &a->done;
	if (a->call.request.method == NULL)
		a->call.request.method = "GET";
	if (a->call.request.headers == NULL)
		a->call.request.headers = none;
	a->call.request.upstream = "web";
	a->call.correlation_id = "cor_1";
	upstreams_make(w.upstreams, &a->call);
}

static inline void end(struct asked *a)
{
	pthread_mutex_lock(&w.lock);
	while (!a->done)
		pthread_cond_wait(&w.ended, &w.lock);
	pthread_mutex_unlock(&w.lock);
}

static inline void ask(struct asked *a, const struct gantry_request *request)
{
	begin(a, request);
	end(a);
}

static inline void answers(const char *path, int status)
{
	struct asked a;

	ask(&a, &GANTRY_REQUEST(.path = path));
	assert_string_equal(a.call.error.message, "");
	assert_int_equal(a.call.answer.status, status);
	call_fini(&a.call);
}

static inline void fails_by(const char *method, const char *path, const char *text,
		     unsigned requests)
{
	struct asked a;

	web_reset(&w.web);
	ask(&a, &GANTRY_REQUEST(.method = method, .path = path, .want_json = true));
	assert_string_equal(a.call.error.message, text);
	assert_int_equal(a.call.error.dependency, GANTRY_DEPENDS_ON_UPSTREAM);
	assert_null(a.call.error.code);
	assert_int_equal(web_requests(&w.web), requests);
	call_fini(&a.call);
}

static inline void fails(const char *path, const char *text, unsigned requests)
{
	fails_by(NULL, path, text, requests);
}

#endif
