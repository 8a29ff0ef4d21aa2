/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve-start - see serving.h: the floors from the ground up. Knows what each is
 * told of the configuration, and not what becomes of it.
 */
#include "gateway/cli/serving.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/commit/copy.h"
#include "gateway/commit/schema.h"
#include "gateway/observe/census.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/meters.h"

/* Bodies that the admin API takes, if those of events may not be larger. */
#define SERVE_ADMIN_BODY (INT64_C(1) << 20)

/* "1" of "/etc/gantry/replicas/1.yaml". */
static int serve_instance(const char *path, const char **name_out)
{
	const char *slash = strrchr(path, '/');
	const char *dot;

	*name_out = slash != NULL ? slash + 1 : path;
	dot = strrchr(*name_out, '.');
	return (int)(dot != NULL ? dot - *name_out : (long)strlen(*name_out));
}

/* The configured name, else the host's and, of several there, its file's. */
const char *serve_replica(struct serve *s)
{
	char host[128] = "gantry";
	const char *name;
	int len;

	if (s->first->replica != NULL)
		return s->first->replica;
	if (s->replica[0] != '\0')
		return s->replica;
	if (gethostname(host, sizeof(host) - 1) != 0)
		snprintf(host, sizeof(host), "gantry");
	if (s->first->with == NULL) {
		snprintf(s->replica, sizeof(s->replica), "%s", host);
	} else {
		len = serve_instance(s->first->with, &name);
		snprintf(s->replica, sizeof(s->replica), "%s-%.*s", host,
			 len < 100 ? len : 100, name);
	}
	return s->replica;
}

static int serve_start_storage(struct serve *s, struct gantry_error *err)
{
	const struct gantry_storage *storage = s->graph->storage->plugin->storage;

	if (graph_open(s->graph, err) < 0)
		return -1;
	if (storage->prepare(s->graph->storage->self, &commit_schema,
			     GANTRY_PREPARE_SERVE, err) !=
	    GANTRY_STORED)
		return error_prefix(err, "storage");
	if (copy_refuse_half(&(struct query_store){ storage, s->graph->storage->self,
						    &commit_schema }, err) < 0)
		return error_prefix(err, "storage");
	if (replica_take(storage, s->graph->storage->self, serve_replica(s), &s->number,
			 err) < 0)
		return error_prefix(err, "storage");
	return 0;
}

void serve_prepare(struct serve *s, const struct config *config, struct graph *graph,
		   const struct graph *before)
{
	graph->breakers = breakers_next(before != NULL ? before->breakers : NULL, graph);
	graph->upstreams = upstreams_next(before != NULL ? before->upstreams : NULL,
					  config, graph, graph->breakers);
	s->documents = documents_next(&s->documents, graph, &(const struct call_maker){
		.make = upstreams_make, .maker = graph->upstreams });
	meters_name(s->status.metrics, graph);
}

static void serve_start_engine(struct serve *s)
{
	const struct gantry_storage *storage = s->graph->storage->plugin->storage;
	void *self = s->graph->storage->self;
	struct committer_options commit = committer_defaults;
	const struct engine_options engine = {
		.workers = (unsigned)s->config->engine.workers,
		.readers = (unsigned)s->config->engine.readers,
		.queue = (unsigned)s->config->engine.queue,
		.metrics = s->status.metrics,
		.spans = traces_spans(s->traces),
	};
	const struct engine_reads reads = { storage, self, &commit_schema,
					    COMMIT_RECORDS, RECORDS_VALUE };

	commit.max_batch = (unsigned)s->config->commit.max_batch;
	commit.queue = (unsigned)s->config->commit.queue;
	commit.outbox_max_rows = s->config->commit.outbox_max_rows;
	commit.outbox_max_age_ms = s->config->commit.outbox_max_age;
	commit.publishes = s->config->amqp != NULL;
	commit.owner = serve_replica(s);
	commit.number = &s->number;
	commit.metrics = s->status.metrics;
	s->committer = committer_new(&commit, storage, self);
	s->engine = engine_new(&engine, &reads,
			       &(struct engine_committer){ committer_commit,
							   s->committer });
	engine_set_calls(s->engine, &(const struct call_maker){
		.make = upstreams_make, .refuse = upstreams_refuse });
	serve_prepare(s, s->config, s->graph, NULL);
	current_set(s->graphs, s->graph);
	s->in_use = true;
}

static void serve_start_publisher(struct serve *s)
{
	const struct publisher_options options = {
		.amqp = &s->first->broker,
		.graph = s->graph,
		.service = s->config->service,
		.replica = serve_replica(s),
		.committer = s->committer,
		.storage = s->graph->storage->plugin->storage,
		.storage_self = s->graph->storage->self,
		.metrics = s->status.metrics,
		.spans = traces_spans(s->traces),
	};

	if (s->config->amqp == NULL)
		return;
	s->publisher = publisher_start(&options);
	s->status.publisher = s->publisher;
}

int serve_start_consumer(struct serve *s, struct gantry_error *err)
{
	const struct consumer_options options = {
		.config = s->first,
		.engine = s->engine,
		.graphs = s->graphs,
		.replica = serve_replica(s),
		.metrics = s->status.metrics,
	};

	if (consumer_start(&options, &s->consumer, err) < 0)
		return -1;
	atomic_store(&s->status.consumer, s->consumer);
	return 0;
}

static void serve_answered(void *status, const struct gantry_message *m,
			   int64_t nanoseconds)
{
	meters_request(((struct status *)status)->metrics, m, nanoseconds);
}

static bool serve_in_doubt(void *status, const struct gantry_message *m)
{
	return committer_in_doubt(((struct status *)status)->committer, m);
}

static const struct http_page serve_health = { ADMIN_HEALTH, NULL, admin_health };

static int serve_start_api(struct serve *s, struct gantry_error *err)
{
	const struct config_http *http = &s->config->http;
	const char *const listen[] = { http->listen, NULL };
	const struct http_options options = {
		.listen = listen,
		.sockets = s->sockets.api,
		.n_sockets = s->sockets.n_api,
		.loops = (unsigned)http->threads,
		.max_connections = http->max_connections,
		.max_body = http->max_body,
		.max_head = http->max_head,
		.head_timeout_ms = http->head_timeout,
		.body_timeout_ms = http->body_timeout,
		.idle_timeout_ms = http->idle_timeout,
		.tls = { http->cert_file, http->key_file, http->client_ca_file },
		.ops = { .answered = serve_answered, .in_doubt = serve_in_doubt,
			 .ctx = &s->status, .pages = &serve_health, .n_pages = 1 },
		.spans = traces_spans(s->traces),
	};

	if (http_start(&options, s->engine, s->graphs, &s->api, err) < 0)
		return -1;
	atomic_store(&s->status.api, s->api);
	return 0;
}

/* The admin listener's pages and its API share one ctx. */
static void serve_admin_handle(void *ctx, struct gantry_message *m)
{
	struct serve *s = (struct serve *)((char *)ctx - offsetof(struct serve, status));

	admin_handle(s->operator, m);
}

/*
 * Nobody asked for the default socket, so that its folder is not there, or
 * belongs to others, is no reason not to serve.
 */
static bool serve_can_do_without(const struct serve *s)
{
	const struct config_entry *entry = config_find(&s->config->sections, "admin");
	AUTO_FREE char *folder = memory_text(s->config->admin.socket);
	char *slash = strrchr(folder, '/');

	if (entry != NULL && node_get(entry->node, "socket") != NULL)
		return false;
	if (slash != NULL)
		*slash = '\0';
	return access(folder, W_OK | X_OK) < 0;
}

/* An event that came by the broker can be edited. */
static int64_t serve_admin_body(const struct serve *s)
{
	int64_t max = s->config->broker.max_body;

	return max < SERVE_ADMIN_BODY ? SERVE_ADMIN_BODY :
	       max > HTTP_MAX_BODY ? HTTP_MAX_BODY : max;
}

/* The socket of the command line: the same as the listener. */
static int serve_start_local(struct serve *s, struct gantry_error *err)
{
	AUTO_FREE char *address = memory_format("unix:%s", s->config->admin.socket);
	const char *const listen[] = { address, NULL };
	const struct http_options options = {
		.listen = listen,
		.loops = 1,
		.max_connections = 64,
		.max_body = serve_admin_body(s),
		.ops = { .handle = serve_admin_handle, .ctx = &s->status,
			 .pages = status_pages, .n_pages = STATUS_PAGES },
		.spans = traces_spans(s->traces),
	};

	if (http_start(&options, NULL, NULL, &s->local, err) == 0)
		return 0;
	if (!serve_can_do_without(s))
		return error_prefix(err, "admin");
	log_info("no admin socket: %s", err->message);
	error_reset(err);
	return 0;
}

static int serve_start_admin(struct serve *s, struct gantry_error *err)
{
	const struct config_admin *admin = &s->config->admin;
	const char *const listen[] = { admin->listen, NULL };
	struct http_options options = {
		.listen = listen,
		.tls = { admin->cert_file, admin->key_file, admin->client_ca_file },
		.sockets = s->sockets.admin,
		.n_sockets = s->sockets.n_admin,
		.loops = 1,
		.max_connections = 64,
		.max_body = serve_admin_body(s),
		.ops = { .handle = serve_admin_handle, .ctx = &s->status,
			 .pages = status_pages, .n_pages = STATUS_PAGES,
			 .headers = admin_headers, .n_headers = ADMIN_HEADERS },
		.spans = traces_spans(s->traces),
	};

	s->status.engine = s->engine;
	s->status.committer = s->committer;
	s->status.graphs = s->graphs;
	s->operator = admin_new(&(struct admin_options){
		.engine = s->engine, .graphs = s->graphs,
		.store = { s->graph->storage->plugin->storage,
			   s->graph->storage->self, &commit_schema },
		.reload = serve_reload_ask, .ctx = s,
		.status = &s->status, .site = admin,
		.service = s->config->service, .replica = serve_replica(s),
		.exchanges = s->config->amqp != NULL ? s->config->broker.exchanges : NULL,
	});
	s->status.census = census_new(&(struct query_store){
		s->graph->storage->plugin->storage, s->graph->storage->self,
		&commit_schema }, s->graphs);
	if (http_start(&options, NULL, NULL, &s->admin, err) < 0)
		return -1;
	admin_listens(s->operator, http_port(s->admin));
	return serve_start_local(s, err);
}

int serve_start(struct serve *s, struct gantry_error *err)
{
	if (serve_start_storage(s, err) < 0)
		return -1;
	s->status.metrics = metrics_new(meters, METER_COUNT);
	if (traces_start(s->config, serve_replica(s), &s->traces, err) < 0)
		return -1;
	s->status.traces = s->traces;
	serve_start_engine(s);
	serve_start_publisher(s);
	if (serve_start_consumer(s, err) < 0 ||
	    serve_start_admin(s, err) < 0 || serve_start_api(s, err) < 0 ||
	    schedule_start(s->engine, s->graph, &s->schedule, err) < 0)
		return -1;
	snprintf(s->doing, sizeof(s->doing), "serves %s on port %u, admin on port %u, as "
		 "replica \"%s\" with number %u", s->config->service, http_port(s->api),
		 http_port(s->admin), serve_replica(s), atomic_load(&s->number.number));
	log_info("gantry %s %s", VERSION_TEXT, s->doing);
	return 0;
}
