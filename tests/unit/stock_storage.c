/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stock_storage - the keys and queries of stock on real storages: what a load
 * gives for stock_needs() is what the plain store of the other tests gives,
 * and so are the answers of all queries, after a long mixed history.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <gantry/plugin.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/base/writer.h"
#include "gateway/stock/query.h"
#include "gateway/stock/verify.h"
#include "tests/unit/stock_world.h"

#define COMMANDS 900
#define ORDERS 12

struct real {
	const struct gantry_plugin *plugin;
	const struct gantry_storage *storage;
	void *self;
};

static void set_option(void *self, const struct gantry_option *o, const char *text)
{
	void *member = (char *)self + o->offset;

	switch (o->type) {
	case GANTRY_TYPE_TEXT:
	case GANTRY_TYPE_PATH:
		*(const char **)member = text;
		break;
	case GANTRY_TYPE_INTEGER:
		assert_true(parse_integer(text, member));
		break;
	case GANTRY_TYPE_SIZE:
		assert_true(parse_size(text, member));
		break;
	case GANTRY_TYPE_DURATION:
		assert_true(parse_duration(text, member));
		break;
	case GANTRY_TYPE_CHOICE:
		*(int64_t *)member = 0;
		while (strcmp(o->choices[*(int64_t *)member], text) != 0)
			++*(int64_t *)member;
		break;
	default:
		fail_msg("%s: an option of another type", o->name);
	}
}

static void real_open(struct real *r, const char *name, const char *path)
{
	AUTO_FREE char *file = memory_format(PLUGINS "/%s/.libs/%s.so", name, name);
	const struct gantry_plugin *(*entry)(void);
	struct gantry_error err = ERROR_INIT;
	void *so = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	if (so == NULL)
		fail_msg("%s", dlerror());
	*(void **)&entry = dlsym(so, "gantry_plugin_entry");
	r->plugin = entry();
	r->storage = r->plugin->storage;
	r->self = memory_new(r->plugin->instance_size);
	for (size_t i = 0; r->plugin->options != NULL &&
	     r->plugin->options[i] != NULL; i++) {
		const struct gantry_option *o = r->plugin->options[i];
		const char *text = strcmp(o->name, "path") == 0 ? path : o->fallback;

		if (text != NULL)
			set_option(r->self, o, text);
	}
	if (r->plugin->open != NULL && r->plugin->open(r->self, NULL, &err) < 0)
		fail_msg("%s", err.message);
	if (r->storage->prepare(r->self, &world_schema, GANTRY_PREPARE_SERVE,
				&err) != GANTRY_STORED)
		fail_msg("%s", err.message);
}

static void real_close(struct real *r)
{
	if (r->plugin->close != NULL)
		r->plugin->close(r->self);
	free(r->self);
}

/* Rows of a set in order, as text. */

static int by_table_and_ref(const void *one, const void *two)
{
	const struct row *a = *(struct row *const *)one;
	const struct row *b = *(struct row *const *)two;

	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	return (row_number(a, 0) > row_number(b, 0)) -
	       (row_number(a, 0) < row_number(b, 0));
}

static const char *picture(const struct rowset *set, struct arena *a)
{
	struct row *all[4000];
	struct writer w;
	size_t n = 0;

	for (unsigned t = 0; t < STOCK_TABLES; t++)
		for (struct row *row = rowset_rows(set, t); row; row = row->next)
			all[n++] = row;
	qsort(all, n, sizeof(all[0]), by_table_and_ref);
	writer_init(&w, a, 4096);
	writer_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		writer_int(&w, NULL, all[i]->table);
		for (unsigned c = 0; c < stock_tables[all[i]->table]->n_columns; c++) {
			const struct gantry_value *v = &all[i]->values[c];

			if (v->kind == GANTRY_INT64)
				writer_int(&w, NULL, v->is.number);
			else if (v->kind == GANTRY_STRING)
				writer_text_n(&w, NULL, v->is.text, v->len);
			else
				writer_null(&w, NULL);
		}
	}
	writer_end(&w);
	return writer_done(&w, NULL);
}

/* One unit in both stores; the loads must be the same. */
static enum gantry_result run_both(struct world *w, struct real *r,
				   const struct gantry_command *command)
{
	struct gantry_error err = ERROR_INIT;
	const struct gantry_change *const *changes;
	const struct gantry_key_set *const *locks;
	const struct gantry_key *const *reads;
	const struct stock_decision *d;
	struct rowset loaded;
	struct rowset_sink into = { .set = &loaded };
	struct gantry_sink sink = { .row = rowset_sink_row, .context = &into };
	size_t n_locks, n_reads, n;
	int64_t now_ms;
	void *unit;

	rowset_init(&loaded, &world_schema);
	world_begin(w, command, 1);
	into.keys = needs_keys(&w->needs, &n);
	locks = needs_locks(&w->needs, &n_locks);
	reads = needs_reads(&w->needs, &n_reads);
	if (r->storage->begin(r->self, 0, &unit, &err) != GANTRY_STORED ||
	    r->storage->load(unit, locks, n_locks, reads, n_reads, &sink, &now_ms,
			     &err) != GANTRY_STORED)
		fail_msg("%s", err.message);
	assert_string_equal(picture(&loaded, &w->arena), picture(&w->rows, &w->arena));
	d = world_decide(w, command);
	changes = rowset_changes(&w->rows, &w->arena, &n);
	if (n == 0)
		r->storage->rollback(unit);
	else if (r->storage->store(unit, changes, n, &err) != GANTRY_STORED ||
		 r->storage->commit(unit, &err) != GANTRY_STORED)
		fail_msg("%s", err.message);
	world_commit(w);
	rowset_fini(&loaded);
	return d->outcome.result;
}

static struct gantry_command choose(struct arena *a)
{
	static const enum gantry_command_kind kinds[] = {
		GANTRY_ALLOCATE, GANTRY_ALLOCATE, GANTRY_ALLOCATE, GANTRY_CONFIRM,
		GANTRY_CONFIRM, GANTRY_FULFILL, GANTRY_FULFILL, GANTRY_CANCEL,
		GANTRY_EXPIRE, GANTRY_EXPIRE, GANTRY_ORDER_OPEN, GANTRY_ORDER_CONFIRM,
		GANTRY_RETURN_EXPECT, GANTRY_RETURN_RECEIVE, GANTRY_ITEM_ADJUST,
		GANTRY_ORDER_CANCEL, GANTRY_ITEM_CREATE,
	};
	enum gantry_command_kind kind = kinds[rand() % (int)ARRAY_LENGTH(kinds)];

	if (kind == GANTRY_ORDER_CANCEL && rand() % 4)
		kind = GANTRY_FULFILL;
	return GANTRY_COMMAND(
		.kind = kind, .order_id = arena_format(a, "o%d", rand() % ORDERS),
		.order_item_id = kind >= GANTRY_RETURN_EXPECT ? NULL :
			arena_format(a, "line%d", rand() % 4),
		.item_id = arena_format(a, "inv%d", rand() % 6),
		/* of ALLOCATE: which one it is in place of */
		.allocation_id = kind == GANTRY_ALLOCATE && rand() % 8 ? NULL :
			arena_format(a, "alloc_%d", rand() % 60),
		.return_id = arena_format(a, "ret%d", rand() % 20),
		.sku = "S", .product_id = "p", .warehouse_id = "wh",
		.expires_at_ms = rand() % 2 ? 0 : 1684841400000 + rand() % 4000,
		.quantity = kind >= GANTRY_RETURN_EXPECT ? 0 : 1 + rand() % 5);
}

static const char *ask(const struct query_store *store, struct arena *a,
		       const char *name, const char *key)
{
	struct gantry_error err = ERROR_INIT;
	const char *after = NULL, *text = "";
	json_t *rows;

	do {
		struct gantry_query query = GANTRY_QUERY(
			.name = name, .key = key, .limit = 7, .after = after);
		char *dump;

		if (stock_query_run(store, &query, 1684841405000, a, &rows, &after,
				    &err) != GANTRY_STORED)
			fail_msg("%s: %s", name, err.message);
		dump = json_dumps(rows, JSON_COMPACT);
		text = arena_format(a, "%s%s\n", text, dump);
		free(dump);
		json_decref(rows);
	} while (after != NULL);
	return text;
}

static void check_queries(struct world *w, struct real *r)
{
	static const struct { const char *name, *key; int n; } asks[] = {
		{ "allocation", "alloc_%d", 150 }, { "item", "inv%d", 7 },
		{ "order", "o%d", ORDERS + 1 }, { "items", "%d", 1 },
		{ "allocations-of-order", "o%d", ORDERS + 1 },
		{ "returns-of-order", "o%d", ORDERS + 1 },
		{ "allocations-due", "%d", 1 },
	};
	struct query_store plain = { &world_storage, w, &world_schema };
	struct query_store real = { r->storage, r->self, &world_schema };
	size_t bytes = 0;
	char key[32];

	for (size_t i = 0; i < ARRAY_LENGTH(asks); i++)
		for (int n = 0; n < asks[i].n; n++) {
			const char *want;

			switch (asks[i].key[0]) {
			case '%':
				snprintf(key, sizeof(key), "%d", n);
				break;
			default:
				snprintf(key, sizeof(key), "%.*s%d",
					 (int)strcspn(asks[i].key, "%"),
					 asks[i].key, n);
			}
			want = ask(&plain, &w->arena, asks[i].name, key);
			bytes += strlen(want);
			assert_string_equal(ask(&real, &w->arena, asks[i].name, key),
					    want);
		}
	assert_true(bytes > 20000);
}

static void found(void *ctx, const char *invariant, const char *row, const char *what)
{
	(void)ctx;
	fail_msg("%s %s: %s", invariant, row, what);
}

static void play(const char *name, const char *path)
{
	int applied[GANTRY_RETURN_RECEIVE + 1] = { 0 };
	struct gantry_error err = ERROR_INIT;
	struct query_store store;
	struct arena texts = { 0 };
	struct real r;
	struct world w;

	world_init(&w);
	real_open(&r, name, path);
	srand(7);
	for (int i = 0; i < COMMANDS; i++) {
		struct gantry_command c = choose(&texts);

		applied[c.kind] += run_both(&w, &r, &c) == GANTRY_APPLIED;
		w.now_ms += 10;
	}
	for (int kind = GANTRY_ALLOCATE; kind <= GANTRY_RETURN_RECEIVE; kind++)
		if (applied[kind] == 0)
			fail_msg("command %d was never applied", kind);
	check_queries(&w, &r);
	store = (struct query_store){ r.storage, r.self, &world_schema };
	assert_int_equal(stock_verify(&store, found, NULL, &err), 0);
	real_close(&r);
	world_fini(&w);
	arena_fini(&texts);
}

static void test_memory(void **state)
{
	(void)state;
	play("memory", NULL);
}

static void test_sqlite(void **state)
{
	char folder[] = "/tmp/gantry-stock-XXXXXX";
	AUTO_FREE char *path = NULL, *clean = NULL;

	(void)state;
	if (access(PLUGINS "/sqlite/.libs/sqlite.so", R_OK) < 0)
		skip();
	assert_non_null(mkdtemp(folder));
	path = memory_format("%s/gantry.db", folder);
	play("sqlite", path);
	clean = memory_format("rm -r '%s'", folder);
	assert_int_equal(system(clean), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_sqlite),
	};

	return cmocka_run_group_tests_name("stock_storage", tests, NULL, NULL);
}
