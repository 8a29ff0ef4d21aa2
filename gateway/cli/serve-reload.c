/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve-reload - see serving.h: another configuration while it runs.
 *
 *	read, check -> build -> open -> swap -> old graph drains -> its instances close
 *
 * All that can go wrong does so before the swap; until then nothing that runs is
 * touched. After it there is nothing that may fail.
 */
#include "gateway/cli/serving.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/cli/check.h"
#include "gateway/config/restart.h"
#include "gateway/isolate/isolate.h"
#include "gateway/pipeline/current.h"

#define RELOAD_STATUS 200	/* bytes of the first problem, for the status */

/* A reload on its way. */
struct reload {
	struct serve *serve;
	struct config *config;
	struct graph *graph;
	struct problems problems;
	int64_t began_ns;
	unsigned kept, opened, closed;
};

/* Who asks. */

int serve_reload_init(struct serve *s)
{
	pthread_mutex_init(&s->asked.lock, NULL);
	s->asked.end = &s->asked.first;
	s->asked.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return s->asked.fd < 0 ? -1 : 0;
}

void serve_reload_fini(struct serve *s)
{
	assert(s->asked.first == NULL);
	if (s->asked.fd >= 0)
		close(s->asked.fd);
}

static void reload_tell_stopping(struct gantry_message *m)
{
	error_set(&m->error, "OVERLOADED", "The gateway stops");
	admin_refused(NULL, m);
}

void serve_reload_ask(void *ctx, struct gantry_message *m, const char *actor)
{
	struct serve *s = ctx;
	const uint64_t one = 1;
	bool closed;

	log_line(GANTRY_LOG_INFO, m->correlation_id, NULL, "reload: asked for by %s", actor);
	/* it must not keep the graph that it is about to replace */
	message_let_go(m);
	m->next = NULL;
	pthread_mutex_lock(&s->asked.lock);
	closed = s->asked.closed;
	if (!closed) {
		*s->asked.end = m;
		s->asked.end = &m->next;
	}
	pthread_mutex_unlock(&s->asked.lock);
	if (closed)
		reload_tell_stopping(m);
	else if (write(s->asked.fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

/* All who asked until now. */
static struct gantry_message *reload_take(struct serve *s, bool close_it)
{
	struct gantry_message *first;
	uint64_t ignored;

	if (s->asked.fd >= 0 && read(s->asked.fd, &ignored, sizeof(ignored)) < 0)
		assert(errno == EAGAIN);
	pthread_mutex_lock(&s->asked.lock);
	s->asked.closed |= close_it;
	first = s->asked.first;
	s->asked.first = NULL;
	s->asked.end = &s->asked.first;
	pthread_mutex_unlock(&s->asked.lock);
	return first;
}

void serve_reload_close(struct serve *s)
{
	struct gantry_message *m = reload_take(s, true), *next;

	for (; m != NULL; m = next) {
		next = m->next;
		reload_tell_stopping(m);
	}
}

/* What becomes of graphs. */

static void reload_retire(struct graph *graph)
{
	upstreams_stop(&graph->upstreams);
	breakers_free(&graph->breakers);
	graph_close(graph);
	graph_free(&graph);
}

void serve_reap(struct serve *s)
{
	struct graph *graph;

	while ((graph = current_drained(s->graphs)) != NULL)
		reload_retire(graph);
}

/* Before the swap. */

static int reload_read(struct reload *r)
{
	struct serve *s = r->serve;

	if (!current_has_room(s->graphs))
		return problems_add(&r->problems, NULL, "messages are still on %d earlier "
				    "configurations; try again when they are through",
				    CURRENT_GRAPHS - 1);
	r->config = config_load_with(s->options.config, s->options.with,
				     s->options.presets, &r->problems);
	if (r->config == NULL)
		return -1;
	restart_check(s->first, r->config, &r->problems);
	check_listeners(r->config, &r->problems);
	if (graph_build_next(r->config, s->plugins, &r->problems, s->graphs, &r->graph) < 0)
		return -1;
	isolate_graph(r->graph, s->plugins, s->mould);
	return 0;
}

static int reload_open(struct reload *r)
{
	struct gantry_error err = ERROR_INIT;
	int result;

	for (unsigned i = 0; i < r->graph->n_instances; i++) {
		r->kept += r->graph->instances[i]->open;
		r->opened += !r->graph->instances[i]->open;
	}
	r->closed = r->serve->graph->n_instances - r->kept;
	result = graph_open(r->graph, &err);
	if (result < 0)
		problems_add(&r->problems, NULL, "%s", err.message);
	error_fini(&err);
	return result;
}

static int reload_prepare(struct reload *r)
{
	if (reload_read(r) < 0 || reload_open(r) < 0) {
		graph_free(&r->graph);
		config_free(&r->config);
		return -1;
	}
	serve_prepare(r->serve, r->config, r->graph, r->serve->graph);
	return 0;
}

/* The swap, and what follows from it. */

static void reload_set_tls(struct http *http, const struct http_tls *files)
{
	struct gantry_error err = ERROR_INIT;

	/* they were good a moment ago; if not now, the old ones stay */
	if (files->cert_file != NULL && http_set_tls(http, files, &err) < 0)
		log_error("reload: %s", err.message);
	error_fini(&err);
}

static void reload_bounds(struct serve *s)
{
	const struct config_http *http = &s->config->http;
	const struct config_admin *admin = &s->config->admin;
	const struct config_commit *commit = &s->config->commit;

	reload_set_tls(s->api, &(const struct http_tls){
		http->cert_file, http->key_file, http->client_ca_file });
	reload_set_tls(s->admin, &(const struct http_tls){
		admin->cert_file, admin->key_file, admin->client_ca_file });
	http_set_limits(s->api, &(const struct http_limits){
		http->max_body, http->head_timeout, http->body_timeout,
		http->idle_timeout });
	committer_set_bounds(s->committer, &(const struct committer_bounds){
		(unsigned)commit->queue, commit->outbox_max_rows,
		commit->outbox_max_age });
	engine_set_queue(s->engine, (unsigned)s->config->engine.queue);
	log_configure((enum log_form)s->config->log.form,
		      (enum gantry_level)s->config->log.level);
	log_set_sample((unsigned)s->config->log.sample);
}

static void reload_change_sources(struct serve *s)
{
	struct gantry_error err = ERROR_INIT;

	schedule_change(s->schedule, s->graph);
	publisher_change(s->publisher, s->graph);
	if (s->consumer != NULL)
		consumer_change(s->consumer);
	else if (serve_start_consumer(s, &err) < 0)
		log_error("reload: %s", err.message);
	error_fini(&err);
}

static void reload_swap(struct reload *r)
{
	struct serve *s = r->serve;

	current_set(s->graphs, r->graph);
	s->graph = r->graph;
	if (s->config != s->first)
		config_free(&s->config);
	s->config = r->config;
	reload_bounds(s);
	reload_change_sources(s);
	serve_reap(s);
}

/* What is said of it. */

static void reload_say(struct reload *r)
{
	log_info("reload: done in %" PRId64 " ms: %u routes; %u instances kept, %u opened, "
		 "%u closed", (clock_steady_ns() - r->began_ns) / 1000000,
		 r->graph->n_routes, r->kept, r->opened, r->closed);
	serve_tell_ready(r->serve);
}

static void reload_say_failed(struct reload *r)
{
	unsigned n;
	const struct problem *list = problems_sorted(&r->problems, &n);
	AUTO_FREE char *status = memory_format(
		"STATUS=reload refused: %.*s%s\nREADY=1", RELOAD_STATUS, list[0].text,
		n > 1 ? ", and more" : "");

	log_error("reload: refused, what runs stays as it is; problems: %u",
		  r->problems.n);
	for (unsigned i = 0; i < n; i++)
		log_error("reload: %s", list[i].text);
	notify_send(status);
}

/* "gantry.yaml:14:7" of a problem is its field. */
static void reload_problem(struct gantry_error *err, const struct problem *p)
{
	const char *colon = p->line > 0 ? strstr(p->text, ": ") : NULL;
	AUTO_FREE char *place = colon == NULL ? memory_text("") :
				memory_text_n(p->text, (size_t)(colon - p->text));

	gantry_problem(err, place, "%s", colon != NULL ? colon + 2 : p->text);
}

static void reload_answer(struct reload *r, struct gantry_message *m, bool good)
{
	const struct problem *list;
	unsigned n;

	if (good) {
		admin_reloaded(r->serve->operator, m, json_pack("{si si si si si si}",
			"routes", (int)r->graph->n_routes, "kept", (int)r->kept,
			"opened", (int)r->opened, "closed", (int)r->closed,
			"reloads", (int)atomic_load(&r->serve->status.reloads.done),
			"replacedPlugins", (int)plugins_replaced(r->serve->plugins)));
		return;
	}
	list = problems_sorted(&r->problems, &n);
	for (unsigned i = 0; i < n; i++)
		reload_problem(&m->error, &list[i]);
	error_set(&m->error, "RELOAD_REFUSED",
		  "The configuration is refused; what runs stays as it is");
	admin_refused(r->serve->operator, m);
}

/* systemd wants to know that it is not the answer to an earlier signal. */
static void reload_announce(const struct reload *r)
{
	AUTO_FREE char *text = memory_format("RELOADING=1\nMONOTONIC_USEC=%" PRId64,
					     r->began_ns / 1000);

	notify_send(text);
}

static void reload_count(struct serve *s, bool good)
{
	struct status_reloads *reloads = &s->status.reloads;

	atomic_fetch_add(good ? &reloads->done : &reloads->refused, 1);
	atomic_store(&reloads->last_refused, !good);
	atomic_store(&reloads->replaced, plugins_replaced(s->plugins));
}

void serve_reload(struct serve *s)
{
	struct reload r = { .serve = s, .began_ns = clock_steady_ns() };
	struct gantry_message *m = reload_take(s, false), *next;
	bool good;

	reload_announce(&r);
	good = reload_prepare(&r) == 0;
	if (good)
		reload_swap(&r);
	reload_count(s, good);
	if (good)
		reload_say(&r);
	else
		reload_say_failed(&r);
	for (; m != NULL; m = next) {
		next = m->next;
		reload_answer(&r, m, good);
	}
	problems_fini(&r.problems);
}
