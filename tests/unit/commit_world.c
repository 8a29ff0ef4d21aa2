/* SPDX-License-Identifier: Apache-2.0 */
/* commit_world - see commit_world.h. */
#include "tests/unit/commit_world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"

/* The storage between. */

static bool world_by_chance(struct world *w)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed % 1000 < w->chance;
}

static enum gantry_stored world_fault(struct world *w, enum world_call call,
				      struct gantry_error *err)
{
	struct world_fault *fault = &w->faults[call];
	enum gantry_stored stored = GANTRY_STORED;

	pthread_mutex_lock(&w->lock);
	if (fault->n != 0) {
		stored = fault->stored;
		fault->n -= fault->n > 0;
	} else if (w->chance > 0 && world_by_chance(w)) {
		stored = call == WORLD_COMMIT && w->seed & 1024 ? GANTRY_CONFLICT :
								   GANTRY_AWAY;
	}
	pthread_mutex_unlock(&w->lock);
	if (stored != GANTRY_STORED)
		gantry_fail(err, "told to fail");
	return stored;
}

static enum gantry_stored world_read(void *self, const struct gantry_key *const *keys,
				     size_t n, const struct gantry_sink *sink,
				     struct gantry_error *err)
{
	struct world *w = self;
	enum gantry_stored stored = world_fault(w, WORLD_READ, err);

	return stored != GANTRY_STORED ? stored :
		w->inner->read(w->inner_self, keys, n, sink, err);
}

static enum gantry_stored world_scan(void *self, const struct gantry_range *range,
				     const struct gantry_sink *sink,
				     struct gantry_error *err)
{
	struct world *w = self;
	unsigned ms;

	pthread_mutex_lock(&w->lock);
	ms = w->scan_ms;
	pthread_mutex_unlock(&w->lock);
	if (ms > 0)
		usleep(ms * 1000);
	return w->inner->scan(w->inner_self, range, sink, err);
}

static unsigned world_lanes(const void *self)
{
	const struct world *w = self;

	return w->lanes;
}

static enum gantry_stored world_begin(void *self, unsigned lane, void **unit_out,
				      struct gantry_error *err)
{
	struct world *w = self;
	enum gantry_stored stored = world_fault(w, WORLD_BEGIN, err);

	if (stored == GANTRY_STORED && w->lanes == 1)
		pthread_mutex_lock(&w->open_unit);
	w->units[lane].world = w;
	w->units[lane].lane = lane;
	*unit_out = &w->units[lane];
	if (stored != GANTRY_STORED)
		return stored;
	return w->inner->begin(w->inner_self, lane, &w->units[lane].inner, err);
}

static enum gantry_stored world_load(void *unit, const struct gantry_key_set *const *locks,
				     size_t n_locks, const struct gantry_key *const *keys,
				     size_t n_keys, const struct gantry_sink *sink,
				     int64_t *now_ms_out, struct gantry_error *err)
{
	struct world_unit *u = unit;
	struct world *w = u->world;
	enum gantry_stored stored = world_fault(w, WORLD_LOAD, err);

	if (stored != GANTRY_STORED)
		return stored;
	stored = w->inner->load(u->inner, locks, n_locks, keys, n_keys, sink,
				now_ms_out, err);
	pthread_mutex_lock(&w->lock);
	*now_ms_out = w->fixed_ms != 0 ? w->fixed_ms : *now_ms_out + w->ahead_ms;
	pthread_mutex_unlock(&w->lock);
	return stored;
}

static bool world_refuses(const struct world *w, const struct gantry_change *change)
{
	const struct gantry_table *table = commit_schema.tables[change->table];
	size_t len = w->refused != NULL ? strlen(w->refused) : 0;

	if (w->refused == NULL || change->kind == GANTRY_GONE)
		return false;
	for (unsigned i = 0; i < table->n_columns; i++)
		if (change->values[i].kind == GANTRY_STRING &&
		    change->values[i].len == len &&
		    memcmp(change->values[i].is.text, w->refused, len) == 0)
			return true;
	return false;
}

static enum gantry_stored world_store(void *unit,
				      const struct gantry_change *const *changes,
				      size_t n, struct gantry_error *err)
{
	struct world_unit *u = unit;
	struct world *w = u->world;
	enum gantry_stored stored = world_fault(w, WORLD_STORE, err);

	if (stored != GANTRY_STORED)
		return stored;
	for (size_t i = 0; i < n; i++)
		if (world_refuses(w, changes[i])) {
			gantry_fail(err, "no such row");
			return GANTRY_REFUSED_ROW;
		}
	return w->inner->store(u->inner, changes, n, err);
}

static void world_close_unit(struct world *w)
{
	if (w->lanes == 1)
		pthread_mutex_unlock(&w->open_unit);
}

static void world_rollback(void *unit)
{
	struct world_unit *u = unit;

	u->world->inner->rollback(u->inner);
	world_close_unit(u->world);
}

static bool world_holds(const struct world *w, unsigned lane)
{
	return w->holding && (w->hold_lane == 0 || w->hold_lane == lane + 1);
}

static enum gantry_stored world_commit(void *unit, struct gantry_error *err)
{
	struct world_unit *u = unit;
	struct world *w = u->world;
	enum gantry_stored stored;

	pthread_mutex_lock(&w->lock);
	if (world_holds(w, u->lane)) {
		w->held = true;
		w->held_lane = u->lane;
		pthread_cond_broadcast(&w->moved);
		while (world_holds(w, u->lane))
			pthread_cond_wait(&w->moved, &w->lock);
		w->held = false;
	}
	pthread_mutex_unlock(&w->lock);
	stored = world_fault(w, WORLD_COMMIT, err);
	if (stored == GANTRY_STORED)
		stored = w->inner->commit(u->inner, err);
	else
		w->inner->rollback(u->inner);
	world_close_unit(w);
	return stored;
}

static const struct gantry_storage world_storage = {
	.size = sizeof(struct gantry_storage),
	.lanes = world_lanes,
	.read = world_read,
	.scan = world_scan,
	.begin = world_begin,
	.load = world_load,
	.store = world_store,
	.commit = world_commit,
	.rollback = world_rollback,
};

void world_fail(struct world *w, enum world_call call, enum gantry_stored stored, int n)
{
	pthread_mutex_lock(&w->lock);
	w->faults[call] = (struct world_fault){ stored, n };
	pthread_mutex_unlock(&w->lock);
}

/* Handlers: each step calls what its shot brought. */

static struct shot *world_shot(struct gantry_message *m)
{
	return m->home_data;
}

static enum gantry_verdict world_handle(void *self, struct gantry_message *m,
					struct gantry_error *err)
{
	struct shot *s = world_shot(m);

	(void)self;
	s->runs++;
	return s->handle[m->step](s, m, err);
}

static enum gantry_verdict world_settle(const void *self, struct gantry_message *m,
					struct gantry_error *err)
{
	struct shot *s = world_shot(m);

	(void)self;
	s->settled++;
	return s->settle[m->step] == NULL ? GANTRY_DONE : s->settle[m->step](s, m, err);
}

static void world_answered(struct gantry_message *m)
{
	struct shot *s = world_shot(m);
	struct world *w = s->world;

	pthread_mutex_lock(&w->lock);
	s->place = w->answered++;
	s->done = true;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
}

static const struct message_home world_home = { world_answered };

static void world_build(struct world *w)
{
	static const char *const names[] = { "serial", "parallel", "inline" };

	for (unsigned i = 0; i < WORLD_STEPS; i++)
		w->handlers[i] = (struct gantry_handler){
			.size = sizeof(w->handlers[i]), .name = "step",
			.handle = world_handle, .settle = world_settle,
		};
	for (unsigned i = 0; i < 3; i++) {
		w->plugins[i] = (struct gantry_plugin){ .size = sizeof(w->plugins[i]),
							.name = names[i], .threads = i };
		w->instances[i] = (struct gantry_instance){ .name = names[i],
							    .service = "test-service",
							    .plugin = &w->plugins[i],
							    .number = i };
		for (unsigned j = 0; j < WORLD_STEPS; j++)
			w->steps[i][j] = (struct route_step){ &w->instances[i],
							      &w->handlers[j] };
		w->routes[i] = (struct route){ .source = GANTRY_SOURCE_HTTP,
					       .address = "POST /test",
					       .steps = w->steps[i] };
		w->routes[3 + i] = w->routes[i];
		w->routes[3 + i].source = GANTRY_SOURCE_AMQP;
		w->routes[3 + i].queue = "test";
	}
	for (unsigned i = 0; i < WORLD_ROUTES; i++)
		w->route_list[i] = &w->routes[i];
	w->graph.service = "test-service";
	w->graph.routes = w->route_list;
}

static bool world_take(void *committer, struct gantry_message *m)
{
	struct world *w = committer;
	bool taken = committer_commit(w->committer, m);

	pthread_mutex_lock(&w->lock);
	w->handed += taken;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
	return taken;
}

void world_wait_handed(struct world *w, unsigned n)
{
	pthread_mutex_lock(&w->lock);
	while (w->handed < n)
		pthread_cond_wait(&w->moved, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

void world_open(struct world *w, const struct committer_options *options)
{
	world_open_lanes(w, options, 1);
}

void world_open_lanes(struct world *w, const struct committer_options *options,
		      unsigned lanes)
{
	const struct store memory = { store_plugin("memory"), NULL };

	world_open_store(w, options, lanes, &memory);
}

void world_open_store(struct world *w, const struct committer_options *options,
		      unsigned lanes, const struct store *store)
{
	struct committer_options quiet = committer_defaults;
	struct gantry_error err = ERROR_INIT;
	struct engine_reads reads = { &w->storage, w, &commit_schema,
				      COMMIT_RECORDS, RECORDS_VALUE };

	*w = (struct world){ .storage = world_storage, .seed = 1,
			      .lanes = lanes };
	pthread_mutex_init(&w->open_unit, NULL);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->moved, NULL);
	w->store = *store;
	w->inner = w->store.plugin->storage;
	if (store_open(&w->store, &w->inner_self, &err) < 0 ||
	    w->inner->prepare(w->inner_self, &commit_schema, GANTRY_PREPARE_SERVE,
			      &err) != GANTRY_STORED) {
		fprintf(stderr, "%s\n", err.message);
		abort();
	}
	w->memory = w->inner_self;
	if (lanes > w->inner->lanes(w->inner_self)) {
		w->locks = locks_new(w->inner, w->inner_self, lanes);
		w->inner_self = w->locks;
		w->inner = &locks_storage;
	}
	world_build(w);
	/* a machine that has much to do is no storage that hangs */
	quiet.patience_ms = 60000;
	w->committer = committer_new(options != NULL ? options : &quiet,
				     &w->storage, w);
	w->engine = engine_new(&(struct engine_options){
				       .workers = 4, .readers = 2, .queue = 4096,
				       .metrics = options != NULL ? options->metrics : NULL },
			       &reads, &(struct engine_committer){ world_take, w });
	error_fini(&err);
}

void world_close(struct world *w)
{
	engine_free(&w->engine);
	committer_free(&w->committer);
	locks_free(&w->locks);
	store_close(&w->store, w->memory);
	pthread_cond_destroy(&w->moved);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->open_unit);
}

void shot_init(struct world *w, struct shot *s, enum gantry_threads threads,
	       shot_handler *handle)
{
	*s = (struct shot){ .world = w, .handle = { handle } };
	message_init(&s->m, GANTRY_SOURCE_HTTP, &world_home);
	s->m.home_data = s;
	s->m.route = &w->routes[threads];
	s->m.graph = &w->graph;
	s->m.method = "POST";
	s->m.path = "/test";
	s->m.received_ms = clock_now_ms();
	s->m.issuer = "test";
	s->m.subject = "tester";
}

void shot_is_event(struct shot *s, const char *event_id)
{
	s->m.source = GANTRY_SOURCE_AMQP;
	s->m.route += 3;
	s->m.id = event_id;
	s->m.causation_id = event_id;
	s->m.inbox_key = arena_format(&s->m.arena, "test:%s", event_id);
}

/* The route is as long as the shot has handlers. */
static void shot_lengthen(struct shot *s)
{
	struct route *route = arena_alloc(&s->m.arena, sizeof(*route));

	*route = *s->m.route;
	while (route->n_steps < WORLD_STEPS && s->handle[route->n_steps] != NULL)
		route->n_steps++;
	s->m.route = route;
}

void shot_fire(struct shot *s)
{
	shot_lengthen(s);
	engine_submit(s->world->engine, &s->m);
}

void shot_wait(struct shot *s)
{
	pthread_mutex_lock(&s->world->lock);
	while (!s->done)
		pthread_cond_wait(&s->world->moved, &s->world->lock);
	pthread_mutex_unlock(&s->world->lock);
}

void shot_run(struct shot *s)
{
	shot_fire(s);
	shot_wait(s);
}

void shot_fini(struct shot *s)
{
	message_fini(&s->m);
}

const char *shot_header(const struct shot *s, const char *name)
{
	for (unsigned i = 0; i < s->m.answer.n_headers; i++)
		if (strcasecmp(s->m.answer.headers[i].name, name) == 0)
			return s->m.answer.headers[i].value;
	return NULL;
}

enum gantry_verdict shot_reject(struct shot *s, struct gantry_message *m,
				struct gantry_error *err)
{
	(void)m;
	return gantry_reject(err, s->text != NULL ? s->text : "VALIDATION_ERROR");
}

enum gantry_verdict shot_publish(struct shot *s, struct gantry_message *m,
				 struct gantry_error *err)
{
	return gantry_publish(m, &GANTRY_EVENT(.exchange = "x", .routing_key = "k",
					       .type = s->text, .payload_text = "{}",
					       .payload_len = 2), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

/* One unit of the item, for the order named by text. */
enum gantry_verdict shot_allocate(struct shot *s, struct gantry_message *m,
				  struct gantry_error *err)
{
	return gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ALLOCATE,
						 .order_id = s->text,
						 .order_item_id = "oi_1",
						 .item_id = "inv_1",
						 .quantity = s->number), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

/* With a key, it goes to the unit; rejected by 400, it leaves nothing there. */
void world_hold(struct world *w, struct shot *plug)
{
	shot_init(w, plug, GANTRY_INLINE, shot_reject);
	plug->m.idempotency_key = "plug";
	pthread_mutex_lock(&w->lock);
	w->holding = true;
	pthread_mutex_unlock(&w->lock);
	shot_fire(plug);
	pthread_mutex_lock(&w->lock);
	while (!w->held)
		pthread_cond_wait(&w->moved, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

void world_release(struct world *w, struct shot *plug)
{
	pthread_mutex_lock(&w->lock);
	w->holding = false;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
	shot_wait(plug);
	shot_fini(plug);
}

/* Rows. */

struct world_look {
	const struct gantry_table *table;
	json_t *rows;
};

static int world_row(void *context, size_t key, const struct gantry_value *values)
{
	struct world_look *look = context;
	json_t *row = json_object();

	(void)key;
	for (unsigned i = 0; i < look->table->n_columns; i++) {
		const struct gantry_value *v = &values[i];

		json_object_set_new(row, look->table->columns[i]->name,
			v->kind == GANTRY_NULL ? json_null() :
			v->kind == GANTRY_INT64 ? json_integer(v->is.number) :
			json_stringn(v->is.text, v->len));
	}
	json_array_append_new(look->rows, row);
	return 0;
}

json_t *world_rows(struct world *w, unsigned table)
{
	struct world_look look = { commit_schema.tables[table], json_array() };
	struct gantry_sink sink = { world_row, &look };
	struct gantry_range range = { .size = sizeof(range), .table = table,
				      .index = GANTRY_BY_REF, .limit = 100000 };
	struct gantry_error err = ERROR_INIT;

	if (w->inner->scan(w->inner_self, &range, &sink, &err) != GANTRY_STORED)
		abort();
	return look.rows;
}

size_t world_count(struct world *w, unsigned table)
{
	json_t *rows = world_rows(w, table);
	size_t n = json_array_size(rows);

	json_decref(rows);
	return n;
}

void world_pass(struct world *w, int64_t ms)
{
	pthread_mutex_lock(&w->lock);
	w->ahead_ms += ms;
	pthread_mutex_unlock(&w->lock);
}

size_t world_count_text(struct world *w, unsigned table, const char *column,
			const char *text)
{
	json_t *rows = world_rows(w, table), *row;
	size_t i, n = 0;

	json_array_foreach(rows, i, row) {
		const char *value = json_string_value(json_object_get(row, column));

		n += value != NULL && strcmp(value, text) == 0;
	}
	json_decref(rows);
	return n;
}

struct query_store world_query_store(struct world *w)
{
	return (struct query_store){ w->inner, w->inner_self, &commit_schema };
}

void world_change(struct world *w, const struct gantry_change *change)
{
	struct gantry_error err = ERROR_INIT;
	void *unit;

	if (w->inner->begin(w->inner_self, 0, &unit, &err) != GANTRY_STORED ||
	    w->inner->store(unit, &change, 1, &err) != GANTRY_STORED ||
	    w->inner->commit(unit, &err) != GANTRY_STORED) {
		fprintf(stderr, "world_change: %s\n", err.message);
		abort();
	}
}

static enum gantry_verdict world_item_handle(struct shot *s, struct gantry_message *m,
					     struct gantry_error *err)
{
	return gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ITEM_CREATE,
						 .item_id = s->text, .sku = s->text,
						 .product_id = "prod_1",
						 .warehouse_id = "wh_1",
						 .quantity = s->number), err) < 0 ?
		       GANTRY_FAILED : GANTRY_DONE;
}

void world_item(struct world *w, const char *id, int64_t available)
{
	struct shot s;

	shot_init(w, &s, GANTRY_INLINE, world_item_handle);
	s.text = id;
	s.number = available;
	shot_run(&s);
	assert(s.m.answer.status == 200);
	shot_fini(&s);
}
