/* SPDX-License-Identifier: Apache-2.0 */
/* testhost - see testhost.h. */
#include "testhost.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/sized.h"
#include "gateway/commit/committer.h"
#include "gateway/commit/schema.h"
#include "gateway/config/config.h"
#include "gateway/config/yaml.h"
#include "gateway/pipeline/engine.h"
#include "gateway/plugin/descriptor.h"
#include "gateway/plugin/plugins.h"
#include "sdk/testhost/told.h"

#define TESTHOST_MAX_HANDLERS 64
#define TESTHOST_MAX_PAIRS 32

struct testhost {
	struct arena arena;
	struct plugins *plugins;
	struct gantry_instance *instance, *memory;
	struct gantry_instance pure;		/* runs each handler twice */
	struct gantry_plugin pure_plugin;
	struct gantry_handler wrapped[TESTHOST_MAX_HANDLERS];
	struct graph graph;
	struct route routes[TESTHOST_MAX_HANDLERS];
	struct route_step steps[TESTHOST_MAX_HANDLERS];
	unsigned n_routes;
	struct route stock_route;
	struct committer *committer;
	struct engine *engine;
	struct gantry_message message;
	bool impure;
	struct told told;			/* by the reader's thread alone */
	pthread_mutex_t lock;			/* of done */
	pthread_cond_t answered;
	bool done;
};

/* The plugin's own instance behind the wrapper that calls it twice. */
struct testhost_pure {
	struct testhost *host;
	const struct gantry_handler *const *handlers;
	void *self;
};

static struct testhost_pure *testhost_pure(void *self)
{
	return self;
}

static const struct gantry_handler *testhost_inner(struct testhost_pure *pure,
						   const struct gantry_message *m)
{
	return pure->handlers[m->step == 0 ? (size_t)(m->route - pure->host->routes) : 0];
}

static bool testhost_same(const struct effects *a, const char *bytes, size_t len)
{
	return a->len == len && (len == 0 || memcmp(a->bytes, bytes, len) == 0);
}

static enum gantry_verdict testhost_handle(void *self, struct gantry_message *m,
					   struct gantry_error *err)
{
	struct testhost_pure *pure = testhost_pure(self);
	const struct gantry_handler *inner = testhost_inner(pure, m);
	struct effects mark = m->effects;
	enum gantry_verdict verdict, again;
	AUTO_FREE char *bytes = NULL;
	size_t len;

	verdict = inner->handle(pure->self, m, err);
	if (m->asking)
		return verdict;
	len = m->effects.len;
	bytes = memory_new(len + 1);
	if (len > 0)
		memcpy(bytes, m->effects.bytes, len);
	effects_truncate(&m->effects, &mark);
	message_begin_run(m);
	again = inner->handle(pure->self, m, err);
	if (again != verdict || m->asking || !testhost_same(&m->effects, bytes, len))
		pure->host->impure = true;
	return again;
}

static enum gantry_verdict testhost_settle(const void *self, struct gantry_message *m,
					   struct gantry_error *err)
{
	struct testhost_pure *pure = testhost_pure((void *)self);
	const struct gantry_handler *inner = testhost_inner(pure, m);

	return inner->settle == NULL ? GANTRY_DONE : inner->settle(pure->self, m, err);
}

static void testhost_answered(struct gantry_message *m)
{
	struct testhost *t = m->home_data;

	pthread_mutex_lock(&t->lock);
	t->done = true;
	pthread_cond_signal(&t->answered);
	pthread_mutex_unlock(&t->lock);
}

static const struct message_home testhost_home = { testhost_answered };

/* "key=value" lines as the mapping that a configuration would have. */
static const struct node *testhost_options(struct testhost *t,
					   const char *const *options,
					   struct problems *problems)
{
	static const struct node_file file = { .name = "options", .path = "options",
					       .folder = "/" };
	const char *text = "plugin: x\n";

	for (; options != NULL && *options != NULL; options++) {
		const char *equals = strchr(*options, '=');
		int n = equals != NULL ? (int)(equals - *options) : 0;
		const char *value = equals != NULL ? equals + 1 : "";
		const char *quote = *value == '[' ? "" : "\"";

		text = arena_format(&t->arena, "%s%.*s: %s%s%s\n", text, n, *options,
				    quote, value, quote);
	}
	return yaml_parse(&file, text, strlen(text), &t->arena, problems);
}

static struct gantry_instance *testhost_instance(struct testhost *t,
						 const struct gantry_plugin *plugin,
						 const char *name,
						 const char *const *options,
						 struct gantry_error *err)
{
	struct problems problems = { 0 };
	struct config_entry *entry = arena_zero(&t->arena, sizeof(*entry));
	struct gantry_instance *instance = NULL;
	unsigned n;

	entry->section = "handlers";
	entry->name = entry->path = name;
	entry->node = entry->key = testhost_options(t, options, &problems);
	if (entry->node != NULL)
		instance = instance_new(plugin, entry, "test-service", &problems);
	if (problems.n > 0)
		gantry_fail(err, "%s", problems_sorted(&problems, &n)[0].text);
	problems_fini(&problems);
	if (instance != NULL && instance_open(instance, err) < 0)
		instance_free(&instance);
	return instance;
}

static const char *testhost_memory(const struct testhost_setup *setup)
{
	const char *path = getenv("GANTRY_TESTHOST_MEMORY");

	return setup->memory != NULL ? setup->memory : path != NULL ? path : "memory";
}

/* A path may be relative here, "./x.so" of a build folder. */
static const struct gantry_plugin *testhost_file(struct testhost *t, const char *name,
						 struct gantry_error *err)
{
	char *path AUTO_FREE = strchr(name, '/') != NULL ? realpath(name, NULL) : NULL;

	return plugins_load(t->plugins, path != NULL ? path : name, err);
}

static int testhost_load(struct testhost *t, const struct testhost_setup *setup,
			 struct gantry_error *err)
{
	const struct gantry_plugin *plugin, *memory;

	t->plugins = plugins_new(PLUGINDIR);
	plugin = setup->descriptor == NULL ?
		testhost_file(t, setup->plugin, err) :
		descriptor_copy(setup->descriptor, setup->descriptor->name,
				&t->arena, err);
	if (plugin == NULL)
		return -1;
	memory = plugins_load(t->plugins, testhost_memory(setup), err);
	if (memory == NULL)
		return -1;
	t->memory = testhost_instance(t, memory, "memory", NULL, err);
	t->instance = testhost_instance(t, plugin, setup->instance != NULL ?
					setup->instance : "test", setup->options, err);
	return t->memory != NULL && t->instance != NULL ? 0 : -1;
}

static void testhost_route(struct testhost *t, unsigned n,
			   const struct gantry_handler *inner)
{
	t->wrapped[n] = *inner;
	t->wrapped[n].handle = testhost_handle;
	t->wrapped[n].settle = testhost_settle;
	t->steps[n] = (struct route_step){ &t->pure, &t->wrapped[n] };
	t->routes[n] = (struct route){ .source = GANTRY_SOURCE_HTTP,
				       .address = inner->name,
				       .place = "test",
				       .method = "POST",
				       .queue = "test",
				       .verbatim = inner->verbatim,
				       .steps = &t->steps[n],
				       .n_steps = 1 };
}

static int testhost_wrap(struct testhost *t, struct gantry_error *err)
{
	const struct gantry_handler *const *handlers = t->instance->plugin->handlers;
	struct testhost_pure *pure = arena_zero(&t->arena, sizeof(*pure));

	*pure = (struct testhost_pure){ t, handlers, t->instance->self };
	t->pure_plugin = *t->instance->plugin;
	t->pure = *t->instance;
	t->pure.plugin = &t->pure_plugin;
	t->pure.self = pure;
	for (; handlers != NULL && handlers[t->n_routes] != NULL; t->n_routes++) {
		if (t->n_routes == TESTHOST_MAX_HANDLERS)
			return gantry_fail(err, "more than %d handlers",
					   TESTHOST_MAX_HANDLERS);
		testhost_route(t, t->n_routes, handlers[t->n_routes]);
	}
	t->graph.service = "test-service";
	return 0;
}

void testhost_upstream(struct testhost *t, const struct testhost_upstream *upstream)
{
	told_add(&t->told, upstream);
}

unsigned testhost_calls(const struct testhost *t)
{
	return t->told.n_requests;
}

const struct gantry_request *testhost_request(const struct testhost *t, unsigned n)
{
	return told_request(&t->told, n);
}

static int testhost_start(struct testhost *t, struct gantry_error *err)
{
	const struct gantry_storage *storage = t->memory->plugin->storage;
	void *self = t->memory->self;
	const struct engine_reads reads = { storage, self, &commit_schema,
					    COMMIT_RECORDS, RECORDS_VALUE };

	if (storage->prepare(self, &commit_schema, GANTRY_PREPARE_SERVE, err) !=
	    GANTRY_STORED)
		return -1;
	t->committer = committer_new(&committer_defaults, storage, self);
	t->engine = engine_new(&(struct engine_options){ .workers = 1, .readers = 1,
							 .queue = 16 },
			       &reads,
			       &(struct engine_committer){ committer_commit,
							   t->committer });
	engine_set_calls(t->engine, &(struct call_maker){ .make = told_call, .maker = &t->told });
	return 0;
}

struct testhost *testhost_open(const struct testhost_setup *setup,
			       struct gantry_error *err)
{
	struct gantry_error own = ERROR_INIT, *to = err != NULL ? err : &own;
	struct testhost *t = memory_new(sizeof(*t));
	struct testhost_setup whole;

	sized_take(&whole, sizeof(whole), setup);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->answered, NULL);
	message_init(&t->message, GANTRY_SOURCE_HTTP, &testhost_home);
	if (testhost_load(t, &whole, to) < 0 || testhost_wrap(t, to) < 0 ||
	    testhost_start(t, to) < 0) {
		if (err == NULL)
			fprintf(stderr, "testhost: %s\n", own.message);
		testhost_close(&t);
	}
	error_fini(&own);
	return t;
}

void testhost_close(struct testhost **testhost)
{
	struct testhost *t = *testhost;

	if (t == NULL)
		return;
	engine_free(&t->engine);
	committer_free(&t->committer);
	instance_free(&t->instance);
	instance_free(&t->memory);
	plugins_free(&t->plugins);
	message_fini(&t->message);
	arena_fini(&t->told.arena);
	arena_fini(&t->arena);
	pthread_cond_destroy(&t->answered);
	pthread_mutex_destroy(&t->lock);
	free(t);
	*testhost = NULL;
}

/* "a=1&b=2", in the message's arena. */
static const struct message_pair *testhost_pairs(struct gantry_message *m,
						 const char *text, unsigned *n_out)
{
	struct message_pair *pairs;
	char *rest = arena_text(&m->arena, text), *one;

	pairs = arena_zero(&m->arena, TESTHOST_MAX_PAIRS * sizeof(*pairs));
	*n_out = 0;
	while ((one = strsep(&rest, "&")) != NULL && *n_out < TESTHOST_MAX_PAIRS) {
		char *value = strchr(one, '=');

		if (value == NULL)
			continue;
		*value = '\0';
		pairs[(*n_out)++] = (struct message_pair){ one, value + 1 };
	}
	return pairs;
}

static void testhost_fill(struct testhost *t, const struct testhost_message *message)
{
	struct testhost_message whole, *in = &whole;
	struct gantry_message *m = &t->message;

	sized_take(in, sizeof(*in), message);
	message_clear(m);
	message_init(m, in->source != 0 ? in->source : GANTRY_SOURCE_HTTP,
		     &testhost_home);
	m->home_data = t;
	m->graph = &t->graph;
	m->method = in->method != NULL ? in->method : "POST";
	m->path = in->path != NULL ? in->path : "/";
	m->raw_path = m->path;
	m->raw_query = in->query;
	m->peer = in->peer;
	m->body = in->body != NULL ? in->body : "";
	m->body_len = strlen(m->body);
	m->id = in->id;
	m->correlation_id = in->correlation_id;
	m->idempotency_key = in->idempotency_key;
	m->received_ms = in->now_ms != 0 ? in->now_ms : clock_now_ms();
	if (m->source == GANTRY_SOURCE_AMQP)
		m->attempts = in->attempts;
	m->params = testhost_pairs(m, in->params, &m->n_params);
	m->query = testhost_pairs(m, in->query, &m->n_query);
	m->headers = testhost_pairs(m, in->headers, &m->n_headers);
	if (in->role != NULL) {
		gantry_identify(m, "test", "tester");
		gantry_grant(m, in->role);
	}
	if (m->source == GANTRY_SOURCE_AMQP && in->id != NULL) {
		m->inbox_key = arena_format(&m->arena, "test:%s", in->id);
		m->causation_id = in->id;
	}
}

static void testhost_tell(const struct testhost *t, struct testhost_answer *a)
{
	const struct gantry_message *m = &t->message;

	*a = (struct testhost_answer){
		.size = sizeof(*a),
		.verdict = m->answer.verdict,
		.status = m->answer.status,
		.text = m->answer.text != NULL ? m->answer.text : "",
		.code = m->answer.verdict == GANTRY_DONE ? NULL : m->error.code,
		.message = m->error.message,
		.outcome = m->answer.outcome,
		.again = m->answer.again,
		.impure = t->impure,
	};
}

static void testhost_carry(struct testhost *t)
{
	t->done = false;
	t->impure = false;
	engine_submit(t->engine, &t->message);
	pthread_mutex_lock(&t->lock);
	while (!t->done)
		pthread_cond_wait(&t->answered, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

int testhost_send(struct testhost *t, const struct testhost_message *message,
		  struct testhost_answer *answer)
{
	unsigned n;

	for (n = 0; n < t->n_routes; n++)
		if (strcmp(t->wrapped[n].name, message->handler) == 0)
			break;
	if (n == t->n_routes) {
		fprintf(stderr, "testhost: no handler \"%s\"\n", message->handler);
		abort();
	}
	testhost_fill(t, message);
	t->message.route = &t->routes[n];
	testhost_carry(t);
	testhost_tell(t, answer);
	return answer->impure ? -1 : 0;
}

const struct gantry_plugin *testhost_plugin(const struct testhost *t, void **self_out)
{
	*self_out = t->instance->self;
	return t->instance->plugin;
}

enum gantry_access testhost_authenticate(struct testhost *t,
					 const struct testhost_message *message,
					 struct testhost_sender *sender)
{
	const struct gantry_auth *auth = t->instance->plugin->auth;
	struct gantry_message *m = &t->message;
	const char *credential;

	testhost_fill(t, message);
	credential = gantry_header(m, "Authorization");
	m->credential = credential;
	m->credential_len = credential != NULL ? strlen(credential) : 0;
	*sender = (struct testhost_sender){ .size = sizeof(*sender), .roles = "" };
	sender->access = auth->authenticate(t->instance->self, m, &m->error);
	sender->issuer = m->issuer != NULL ? m->issuer : "";
	sender->subject = gantry_subject(m);
	sender->message = m->error.message;
	for (unsigned i = 0; i < m->n_roles; i++)
		sender->roles = arena_format(&m->arena, "%s%s%s", sender->roles,
					     i > 0 ? " " : "", m->roles[i]);
	return sender->access;
}

const char *testhost_header(struct testhost *t, const char *name)
{
	const struct message_answer *a = &t->message.answer;

	for (unsigned i = 0; i < a->n_headers; i++)
		if (strcasecmp(a->headers[i].name, name) == 0)
			return a->headers[i].value;
	return NULL;
}

struct testhost_scan {
	const struct gantry_table *table;
	json_t *rows;
};

static int testhost_row(void *context, size_t key, const struct gantry_value *values)
{
	struct testhost_scan *scan = context;
	json_t *row = json_object();

	(void)key;
	for (unsigned i = 0; i < scan->table->n_columns; i++) {
		const struct gantry_value *v = &values[i];
		json_t *value = v->kind == GANTRY_NULL ? json_null() :
				v->kind == GANTRY_INT64 ? json_integer(v->is.number) :
				json_stringn(v->is.text, v->len);

		json_object_set_new(row, scan->table->columns[i]->name, value);
	}
	json_array_append_new(scan->rows, row);
	return 0;
}

json_t *testhost_rows(struct testhost *t, const char *table)
{
	const struct gantry_storage *storage = t->memory->plugin->storage;
	struct gantry_range range = { .size = sizeof(range),
				      .index = GANTRY_BY_REF,
				      .limit = 100000 };
	struct testhost_scan scan = { NULL, NULL };
	struct gantry_sink sink = { testhost_row, &scan };
	struct gantry_error err = ERROR_INIT;

	for (unsigned i = 0; i < commit_schema.n_tables; i++)
		if (strcmp(commit_schema.tables[i]->name, table) == 0) {
			scan.table = commit_schema.tables[i];
			range.table = i;
		}
	if (scan.table == NULL)
		return NULL;
	scan.rows = json_array();
	if (storage->scan(t->memory->self, &range, &sink, &err) != GANTRY_STORED)
		fprintf(stderr, "testhost: %s\n", err.message);
	error_fini(&err);
	return scan.rows;
}

int64_t testhost_count(struct testhost *t, const char *table)
{
	json_t *rows = testhost_rows(t, table);
	int64_t n = rows != NULL ? (int64_t)json_array_size(rows) : -1;

	json_decref(rows);
	return n;
}

/* A handler of the host's own, to have stock to work on. */
static enum gantry_verdict testhost_stock_handle(void *self, struct gantry_message *m,
						 struct gantry_error *err)
{
	int64_t available = 0;
	const char *id = gantry_param(m, "id");

	(void)self;
	sscanf(gantry_param(m, "available"), "%" SCNd64, &available);
	return gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ITEM_CREATE,
						 .item_id = id, .sku = id,
						 .product_id = id,
						 .warehouse_id = "wh_1",
						 .quantity = available), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

int testhost_stock(struct testhost *t, const char *item_id, int64_t available)
{
	static const struct gantry_handler handler = {
		.size = sizeof(handler), .name = "stock",
		.handle = testhost_stock_handle,
	};
	struct gantry_plugin plugin = { .size = sizeof(plugin), .name = "testhost",
					.threads = GANTRY_INLINE };
	struct gantry_instance instance = { .name = "testhost", .plugin = &plugin };
	struct route_step step = { &instance, &handler };
	struct testhost_message in = TESTHOST_MESSAGE(.handler = "stock");
	AUTO_FREE char *params = memory_format("id=%s&available=%lld", item_id,
					       (long long)available);

	t->stock_route = (struct route){ .source = GANTRY_SOURCE_HTTP,
					 .address = "stock", .steps = &step,
					 .n_steps = 1 };
	in.params = params;
	testhost_fill(t, &in);
	t->message.route = &t->stock_route;
	testhost_carry(t);
	return t->message.answer.verdict == GANTRY_DONE ? 0 : -1;
}
