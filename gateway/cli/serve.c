/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - see serve.h. Builds the graph, starts the floors from the ground up,
 * waits for a signal and stops them from the top down.
 */
#include "gateway/cli/serve.h"

#include <signal.h>
#include <string.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/admin/admin.h"
#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/cli/notify.h"
#include "gateway/cli/watchdog.h"
#include "gateway/commit/committer.h"
#include "gateway/commit/copy.h"
#include "gateway/commit/schema.h"
#include "gateway/isolate/isolate.h"
#include "gateway/observe/census.h"
#include "gateway/observe/status.h"
#include "gateway/observe/traces.h"
#include "gateway/pipeline/graph.h"
#include "gateway/pipeline/meters.h"
#include "gateway/source/amqp/consumer.h"
#include "gateway/source/amqp/publisher.h"
#include "gateway/source/http/http.h"
#include "gateway/source/schedule.h"
#include "gateway/upstream/documents.h"
#include "gateway/upstream/upstream.h"

/* What requests under way get to finish before the daemon stops anyway. */
#define SERVE_DRAIN_S 25
/* And what is left of them then. */
#define SERVE_LAST_S 3
/* Bodies that the admin API takes, if those of events may not be larger. */
#define SERVE_ADMIN_BODY (INT64_C(1) << 20)

static const char serve_help[] =
	"Usage: gantry serve [--config FILE] [--with FILE] [--presets DIR]\n"
	"                    [--plugins DIR]\n"
	"\n"
	"Run the gateway in the foreground until SIGTERM or SIGINT; then what is under\n"
	"way is finished first.\n"
	"\n"
	"  --config FILE   configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE     one more file, read last (one of several on a host)\n"
	"  --presets DIR   presets that \"use:\" names (default: " PRESETDIR ")\n"
	"  --plugins DIR   plugins by short name (default: " PLUGINDIR ")\n"
	"  --help          this text\n";

struct serve {
	struct common_options options;
	struct config *config;
	struct plugins *plugins;
	struct graph *graph;
	struct committer *committer;
	struct breakers *breakers;
	struct upstreams *upstreams;
	struct call_maker calls;
	struct documents *documents;
	struct engine *engine;
	struct publisher *publisher;
	struct consumer *consumer;
	struct schedule *schedule;
	struct http *api, *admin, *local;
	struct admin *operator;
	struct traces *traces;
	struct status status;
	struct notify_sockets sockets;
	struct watchdog *watchdog;
	struct replica number;
	char replica[256];
};

/* Every thread inherits this; the main thread takes them by sigwait(). */
static void serve_block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* a file that may not grow is an error of write(2), not our end */
	signal(SIGXFSZ, SIG_IGN);
}

static int serve_configure(struct serve *s)
{
	struct problems problems = { 0 };
	int status = COMMON_OK;

	s->config = config_load_with(s->options.config, s->options.with, s->options.presets,
				    &problems);
	if (s->config != NULL)
		graph_build(s->config, s->plugins, &problems, &s->graph);
	if (s->graph != NULL)
		isolate_graph(s->graph, s->plugins);
	if (problems.n > 0) {
		problems_print(&problems, stderr);
		status = COMMON_USAGE;
	}
	problems_fini(&problems);
	return status;
}

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
static const char *serve_replica(struct serve *s)
{
	char host[128] = "gantry";
	const char *name;
	int len;

	if (s->config->replica != NULL)
		return s->config->replica;
	if (s->replica[0] != '\0')
		return s->replica;
	if (gethostname(host, sizeof(host) - 1) != 0)
		snprintf(host, sizeof(host), "gantry");
	if (s->config->with == NULL) {
		snprintf(s->replica, sizeof(s->replica), "%s", host);
	} else {
		len = serve_instance(s->config->with, &name);
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
	s->breakers = breakers_new(s->graph);
	s->upstreams = upstreams_start(s->config, s->graph, s->breakers);
	s->calls = (struct call_maker){ upstreams_make, s->upstreams };
	engine_set_calls(s->engine, &s->calls);
	s->documents = documents_start(s->graph, &s->calls);
}

static void serve_start_publisher(struct serve *s)
{
	const struct publisher_options options = {
		.amqp = &s->config->broker,
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

static int serve_start_consumer(struct serve *s, struct gantry_error *err)
{
	const struct consumer_options options = {
		.config = s->config,
		.engine = s->engine,
		.graph = s->graph,
		.replica = serve_replica(s),
		.metrics = s->status.metrics,
	};

	if (consumer_start(&options, &s->consumer, err) < 0)
		return -1;
	s->status.consumer = s->consumer;
	return 0;
}

static void serve_answered(void *metrics, const struct gantry_message *m,
			   int64_t nanoseconds)
{
	meters_request(metrics, m, nanoseconds);
}

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
		.ops = { .answered = serve_answered, .ctx = s->status.metrics },
		.spans = traces_spans(s->traces),
	};

	if (http_start(&options, s->engine, s->graph, &s->api, err) < 0)
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

/* The socket of the command line. */
static int serve_start_local(struct serve *s, struct gantry_error *err)
{
	AUTO_FREE char *address = memory_format("unix:%s", s->config->admin.socket);
	const char *const listen[] = { address, NULL };
	const struct http_options options = {
		.listen = listen,
		.loops = 1,
		.max_connections = 64,
		.max_body = serve_admin_body(s),
		.ops = { .handle = admin_handle, .ctx = s->operator },
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
			 .pages = status_pages, .n_pages = STATUS_PAGES },
		.spans = traces_spans(s->traces),
	};

	s->status.engine = s->engine;
	s->status.committer = s->committer;
	s->status.breakers = s->breakers;
	s->status.upstreams = s->upstreams;
	s->operator = admin_new(&(struct admin_options){
		.engine = s->engine, .graph = s->graph,
		.store = { s->graph->storage->plugin->storage,
			   s->graph->storage->self, &commit_schema },
		.breakers = s->breakers,
	});
	s->status.census = census_new(&(struct query_store){
		s->graph->storage->plugin->storage, s->graph->storage->self,
		&commit_schema });
	if (http_start(&options, NULL, NULL, &s->admin, err) < 0)
		return -1;
	return serve_start_local(s, err);
}

static bool serve_http_moves(void *http)
{
	return http_moves(http);
}

static bool serve_engine_moves(void *engine)
{
	return engine_moves(engine);
}

/* What a new process would mend. */
static void serve_start_watchdog(struct serve *s)
{
	struct watchdog_sign signs[] = {
		{ "the handlers", serve_engine_moves, s->engine },
		{ "the API", serve_http_moves, s->api },
		{ "the admin listener", serve_http_moves, s->admin },
		{ "the admin socket", serve_http_moves, s->local },
	};

	s->watchdog = watchdog_start(signs, s->local != NULL ? 4 : 3);
}

static int serve_start(struct serve *s, struct gantry_error *err)
{
	if (serve_start_storage(s, err) < 0)
		return -1;
	s->status.metrics = metrics_new(meters, METER_COUNT);
	meters_name(s->status.metrics, s->graph);
	if (traces_start(s->config, serve_replica(s), &s->traces, err) < 0)
		return -1;
	s->status.traces = s->traces;
	serve_start_engine(s);
	serve_start_publisher(s);
	if (serve_start_consumer(s, err) < 0 ||
	    serve_start_admin(s, err) < 0 || serve_start_api(s, err) < 0 ||
	    schedule_start(s->engine, s->graph, &s->schedule, err) < 0)
		return -1;
	log_info("gantry %s serves %s on port %u, admin on port %u, as replica \"%s\" "
		 "with number %u", VERSION_TEXT, s->config->service, http_port(s->api),
		 http_port(s->admin), serve_replica(s), atomic_load(&s->number.number));
	notify_send("READY=1");
	serve_start_watchdog(s);
	return 0;
}

/*
 * What the sources have given up may still be under way. A handler that hangs
 * cannot be ended as a thread: then the process ends without its floors, and
 * storage keeps what was committed.
 */
static void serve_wait_for_engine(const struct serve *s, int64_t deadline)
{
	while (s->engine != NULL && engine_waiting(s->engine) > 0) {
		if (clock_steady_ns() > deadline) {
			log_error("%zu messages hang: stopping without them",
				  engine_waiting(s->engine));
			_exit(COMMON_FAILED);
		}
		usleep(1000);
	}
}

/* The same for a unit that nobody waits for. */
static void serve_stop_committer(struct serve *s, int64_t deadline)
{
	if (s->committer != NULL && !committer_stop(s->committer, deadline)) {
		log_error("the storage does not answer: stopping without it");
		_exit(COMMON_FAILED);
	}
	committer_free(&s->committer);
}

/* From the top down: nothing comes in any more before its floor goes. */
static void serve_stop(struct serve *s)
{
	int64_t deadline = clock_steady_ns() + SERVE_DRAIN_S * INT64_C(1000000000);

	atomic_store(&s->status.stopping, 1);
	watchdog_stop(&s->watchdog);
	schedule_stop(s->schedule);
	consumer_stop(s->consumer);
	if (s->api != NULL) {
		http_stop_accepting(s->api);
		if (http_drain(s->api, deadline) < 0)
			log_warning("some requests were not finished in %d s",
				    SERVE_DRAIN_S);
	}
	/* the admin's page looks at the other one */
	http_free(&s->admin);
	http_free(&s->api);
	http_free(&s->local);
	admin_free(&s->operator);
	census_free(&s->status.census);
	serve_wait_for_engine(s, deadline + SERVE_LAST_S * INT64_C(1000000000));
	schedule_free(&s->schedule);
	consumer_free(&s->consumer);
	engine_free(&s->engine);
	documents_stop(&s->documents);
	upstreams_stop(&s->upstreams);
	breakers_free(&s->breakers);
	/* what it has confirmed is deleted by the committer's last unit */
	publisher_stop(&s->publisher);
	serve_stop_committer(s, clock_steady_ns() + SERVE_LAST_S * INT64_C(1000000000));
	traces_stop(&s->traces);
	metrics_free(&s->status.metrics);
	if (s->graph != NULL)
		graph_close(s->graph);
}

static void serve_wait(const sigset_t *set)
{
	int got = 0;

	while (sigwait(set, &got) == 0 && got == SIGHUP)
		log_warning("this version cannot reload: restart it instead");
	log_info("stopping");
	notify_send("STOPPING=1");
}

static int serve_run(struct serve *s, const sigset_t *set)
{
	struct gantry_error err = ERROR_INIT;
	int status = COMMON_OK;

	log_configure((enum log_form)s->config->log.form,
		      (enum gantry_level)s->config->log.level);
	if (serve_start(s, &err) == 0) {
		serve_wait(set);
	} else {
		log_error("%s", err.message);
		status = COMMON_FAILED;
	}
	serve_stop(s);
	error_fini(&err);
	return status;
}

int serve_main(int argc, char **argv)
{
	struct serve s = { 0 };
	sigset_t set;
	int status;

	status = common_parse(argc, argv, serve_help, &s.options);
	if (status >= 0)
		return status;
	serve_block_signals(&set);
	notify_take_sockets(&s.sockets);
	s.plugins = plugins_new(s.options.plugins);
	status = serve_configure(&s);
	if (status == COMMON_OK)
		status = serve_run(&s, &set);
	graph_free(&s.graph);
	plugins_free(&s.plugins);
	config_free(&s.config);
	return status;
}
