/* SPDX-License-Identifier: Apache-2.0 */
/* plugins-test - see plugins-test.h. */
#include "gateway/cli/plugins-test.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/commit/schema.h"
#include "gateway/conform/conform.h"
#include "gateway/plugin/instance.h"

enum { INSTANCES = 8, EFFORT = 3, HANGS_S = 120 };

struct test {
	const struct plugins_test_options *options;
	const struct gantry_plugin *plugin;
	struct arena arena;
	const char *name;	/* of the plugin as messages show it */
	struct gantry_instance *open[INSTANCES];
	json_t *results;	/* or NULL: lines */
	unsigned verdicts[4];
	int64_t began_ns;
};

/* What the handler of SIGALRM says; only it reads them. */
static volatile sig_atomic_t test_hangs_len;
static char test_hangs[256];

static void test_alarm(int signal)
{
	(void)signal;
	if (write(STDERR_FILENO, test_hangs, (size_t)test_hangs_len) < 0)
		_exit(COMMON_FAILED);
	_exit(COMMON_FAILED);
}

static void test_begins(void *context, const char *name)
{
	(void)context;
	test_hangs_len = snprintf(test_hangs, sizeof(test_hangs),
				  "FAILED %s: nothing came back for %d seconds\n",
				  name, HANGS_S);
	alarm(HANGS_S);
}

static void test_told(void *context, const struct conform_result *r)
{
	static const char *const words[] = { "ok", "failed", "skipped", "away" };
	struct test *t = context;

	alarm(0);
	t->verdicts[r->verdict]++;
	if (t->results == NULL) {
		conform_print(stdout, r);
		fflush(stdout);
		return;
	}
	json_array_append_new(t->results,
			      json_pack("{ss, ss, ss*, sI}", "check", r->name,
					"result", words[r->verdict], "why",
					r->why[0] != '\0' ? r->why : NULL, "ms",
					(json_int_t)r->ms));
}

static int test_open_entry(struct test *t, const struct sets *sets, void **self_out,
			   struct gantry_error *err)
{
	struct gantry_instance **place = t->open;
	struct problems problems = { 0 };
	struct config_entry *entry;

	while (*place != NULL)
		place++;
	assert(place < t->open + INSTANCES);
	entry = sets_entry(sets, "storage", t->name, &t->arena, &problems);
	*place = instance_new(t->plugin, entry, "test-storage", &problems);
	problems_fini(&problems);
	if (*place == NULL)
		return gantry_fail(err, "the options are not what they were");
	if (instance_open(*place, err) < 0) {
		instance_free(place);
		return -1;
	}
	*self_out = (*place)->self;
	return 0;
}

static int test_open(void *context, void **self_out, struct gantry_error *err)
{
	struct test *t = context;

	return test_open_entry(t, &t->options->sets, self_out, err);
}

static void test_close(void *context, void *self)
{
	struct test *t = context;

	for (unsigned i = 0; i < INSTANCES; i++)
		if (t->open[i] != NULL && t->open[i]->self == self) {
			instance_free(&t->open[i]);
			return;
		}
	assert(!"an instance that is open");
}

/* The one option that says where the store is, if it is a file. */
static const struct gantry_option *test_place(const struct gantry_plugin *plugin)
{
	const struct gantry_option *found = NULL;

	for (size_t i = 0; plugin->options[i] != NULL; i++) {
		const struct gantry_option *o = plugin->options[i];

		if (o->type != GANTRY_TYPE_PATH || (o->flags & GANTRY_OPTION_REQUIRED) == 0)
			continue;
		if (found != NULL)
			return NULL;
		found = o;
	}
	return found;
}

static int test_open_copy(void *context, const char *path, void **self_out,
			  struct gantry_error *err)
{
	struct test *t = context;
	struct sets sets = { .n = 0 };
	const char *name = test_place(t->plugin)->name;
	size_t len = strlen(name);

	for (unsigned i = 0; i < t->options->sets.n; i++) {
		const char *item = t->options->sets.items[i];

		sets.items[sets.n++] =
			strncmp(item, name, len) == 0 && item[len] == '=' ?
				arena_format(&t->arena, "%s=\"%s\"", name, path) : item;
	}
	return test_open_entry(t, &sets, self_out, err);
}

static int test_row(void *context, size_t key, const struct gantry_value *values)
{
	(void)key;
	(void)values;
	*(bool *)context = true;
	return 0;
}

static bool test_has_rows(const struct test *t, void *self,
			  const struct gantry_schema *schema)
{
	struct gantry_error err = ERROR_INIT;
	bool found = false;
	const struct gantry_sink sink = { test_row, &found };

	for (unsigned i = 0; i < schema->n_tables && !found; i++) {
		const struct gantry_range all = { .size = sizeof(all), .table = i,
						  .index = GANTRY_BY_REF, .limit = 1 };

		t->plugin->storage->scan(self, &all, &sink, &err);
	}
	error_fini(&err);
	return found;
}

/* Whether the store can be looked at as one of this schema. */
static bool test_look(struct test *t, const struct gantry_schema *schema, bool *rows_out)
{
	struct gantry_error err = ERROR_INIT;
	bool can = false;
	void *self;

	if (test_open(t, &self, &err) == 0) {
		can = t->plugin->storage->prepare(self, schema, GANTRY_PREPARE_LOOK,
						  &err) == GANTRY_STORED;
		*rows_out = can && test_has_rows(t, self, schema);
		test_close(t, self);
	}
	error_fini(&err);
	return can;
}

/*
 * The kit leaves rows behind and has threads fight over them: not in a store
 * that a gateway works on. A storage that opens whatever it is told to look at
 * says nothing about that, unless it has rows.
 */
static bool test_is_a_gateways(struct test *t)
{
	static const struct gantry_schema nobodys = {
		.size = sizeof(nobodys), .name = "nobody", .major = 999,
	};
	struct gantry_schema ours = commit_schema;
	bool rows = false, none = false;

	ours.minor = 0;		/* an older gateway's is one, too */
	return test_look(t, &ours, &rows) && (rows || !test_look(t, &nobodys, &none));
}

/* 0, or the exit status with the reason on stderr. */
static int test_load(struct test *t, struct plugins *plugins)
{
	const struct plugins_test_options *o = t->options;
	AUTO_FREE char *path = strchr(o->plugin, '/') != NULL ?
		realpath(o->plugin, NULL) : NULL;
	struct problems problems = { 0 };
	struct gantry_error err = ERROR_INIT;
	struct gantry_instance *first = NULL;
	struct config_entry *entry;

	t->plugin = plugins_load(plugins, path != NULL ? path : o->plugin, &err);
	if (t->plugin == NULL) {
		fprintf(stderr, "gantry: %s\n", err.message);
		error_fini(&err);
		return COMMON_FAILED;
	}
	t->name = t->plugin->name;
	if (t->plugin->storage == NULL) {
		fprintf(stderr, "gantry: %s: is no storage\n", t->name);
		return COMMON_USAGE;
	}
	entry = sets_entry(&o->sets, "storage", t->name, &t->arena, &problems);
	if (problems.n == 0)
		first = instance_new(t->plugin, entry, "test-storage", &problems);
	instance_free(&first);
	if (problems.n > 0) {
		problems_print(&problems, stderr);
		problems_fini(&problems);
		return COMMON_USAGE;
	}
	if (!test_is_a_gateways(t))
		return COMMON_OK;
	fprintf(stderr, "gantry: %s: this store is a gateway's: give the test an empty "
		"one of its own\n", t->name);
	return COMMON_USAGE;
}

static const char *test_verdict(const unsigned *v)
{
	if (v[CONFORM_FAILED] > 0)
		return "does not keep the contract";
	return v[CONFORM_AWAY] == 0 ? "keeps the contract" :
	       "cannot be reached, so whether it keeps the contract is not known";
}

static int test_tell(struct test *t)
{
	const unsigned *v = t->verdicts;
	int64_t ms = (clock_steady_ns() - t->began_ns) / 1000000;
	bool fails = v[CONFORM_FAILED] > 0, holds = !fails && v[CONFORM_AWAY] == 0;

	if (t->results != NULL)
		common_print_json(json_pack(
			"{ss, ss, so, si, si, si, sI, so}", "plugin", t->name,
			"version", t->plugin->version, "holds",
			holds || fails ? json_boolean(holds) : json_null(),
			"ok", (int)v[CONFORM_OK], "failed", (int)v[CONFORM_FAILED],
			"skipped", (int)v[CONFORM_SKIPPED], "ms", (json_int_t)ms,
			"checks", t->results));
	else
		printf("%s %s: %s: %u ok, %u failed, %u skipped in %.1f s\n", t->name,
		       t->plugin->version, test_verdict(v), v[CONFORM_OK],
		       v[CONFORM_FAILED], v[CONFORM_SKIPPED], (double)ms / 1000);
	return holds ? COMMON_OK : COMMON_FAILED;
}

static int test_kit(struct test *t)
{
	const struct plugins_test_options *o = t->options;
	const struct sigaction action = { .sa_handler = test_alarm };
	const struct conform_ops ops = {
		.storage = t->plugin->storage, .context = t,
		.open = test_open, .close = test_close,
		.keeps = (t->plugin->storage->flags & GANTRY_STORAGE_FORGETS) == 0,
		.open_copy = test_place(t->plugin) != NULL ? test_open_copy : NULL,
	};
	const struct conform_how how = {
		.only = o->only, .seed = o->seed, .disturb = o->disturb,
		.effort = o->effort > 0 ? o->effort : EFFORT,
		.begins = test_begins, .told = test_told, .context = t,
	};

	sigaction(SIGALRM, &action, NULL);
	if (o->json)
		t->results = json_array();
	t->began_ns = clock_steady_ns();
	conform_run_how(&ops, &how);
	return test_tell(t);
}

static bool test_knows(const char *only)
{
	const char *name;

	for (size_t i = 0; (name = conform_name(i)) != NULL; i++)
		if (only == NULL || strncmp(name, only, strlen(only)) == 0)
			return true;
	fprintf(stderr, "gantry: --only: no check begins with \"%s\"\n", only);
	return false;
}

int plugins_test_run(struct plugins *plugins, const struct plugins_test_options *o)
{
	struct test t = { .options = o };
	int status = test_knows(o->only) ? test_load(&t, plugins) : COMMON_USAGE;

	if (status == COMMON_OK)
		status = test_kit(&t);
	arena_fini(&t.arena);
	return status;
}
