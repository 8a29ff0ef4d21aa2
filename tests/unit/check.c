/* SPDX-License-Identifier: Apache-2.0 */
/* check - "gantry check" and "gantry plugins" as one sees them. */
#include "tests/unit/config_files.h"

#include <fcntl.h>
#include <jansson.h>

#include "gateway/cli/check.h"
#include "gateway/cli/plugins.h"

struct ran {
	int status;
	char *out, *err;	/* FOLDER stands for the folder */
};

static char *read_back(const struct files *f, const char *name)
{
	char *path = memory_format("%s/%s", f->folder, name), *at;
	char *text = memory_new(1 << 16);
	FILE *file = fopen(path, "r");
	size_t n = strlen(f->folder);

	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 16) - 1, file) < (1 << 16) - 1);
	fclose(file);
	while ((at = strstr(text, f->folder)) != NULL) {
		memcpy(at, "FOLDER", 6);
		memmove(at + 6, at + n, strlen(at + n) + 1);
	}
	unlink(path);
	free(path);
	return text;
}

static int redirect(const struct files *f, int fd, const char *name)
{
	char *path = memory_format("%s/%s", f->folder, name);
	int saved = dup(fd), file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(saved >= 0 && file >= 0);
	assert_true(dup2(file, fd) == fd);
	close(file);
	free(path);
	return saved;
}

/* Run a command with words, split at spaces; FOLDER stands for the folder. */
static struct ran run(const struct files *f, int (*command)(int, char **),
		      const char *words)
{
	char *text = memory_text(words), *rest = NULL, *word;
	char *argv[16] = { NULL };
	struct ran r;
	int argc = 0, out, err;

	for (word = strtok_r(text, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest))
		argv[argc++] = strncmp(word, "FOLDER", 6) == 0 ?
				       memory_format("%s%s", f->folder, word + 6) :
				       memory_text(word);
	fflush(stdout);
	out = redirect(f, 1, "out");
	err = redirect(f, 2, "err");
	r.status = command(argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	r.out = read_back(f, "out");
	r.err = read_back(f, "err");
	while (argc > 0)
		free(argv[--argc]);
	free(text);
	return r;
}

static void done(struct ran *r)
{
	free(r->out);
	free(r->err);
}

#define CHECK \
	"check --config FOLDER/gantry.yaml --presets FOLDER/presets " \
	"--plugins " STAND_IN_DIR

static void begin(struct files *f)
{
	files_begin(f);
	files_put(f, "presets/base.yaml",
		  "handlers:\n  o: {plugin: order-events}\n"
		  "routes:\n"
		  "  - {http: \"GET /o/{id}\", auth: s, roles: [r1, r2], "
		  "pipeline: [o.created, o.confirmed]}\n"
		  "  - {http: GET /open, auth: none, pipeline: [o.created]}\n"
		  "  - {every: 10s, pipeline: [o.created]}\n");
	files_put(f, "gantry.yaml",
		  "use: base\nservice: shop\n"
		  "storage: {plugin: sqlite, path: a.db}\n"
		  "auth: {s: {plugin: jwt, key_file: k, issuer: i, "
		  "audience: a}}\n"
		  "upstreams: {orders: {url: \"http://127.0.0.1:1\"}}\n");
	files_put(f, "conf.d/1.yaml",
		  "storage: {plugin: sqlite, path: b.db}\n"
		  "routes: [{every: 5m, pipeline: [o.created]}]\n");
}

static void test_what_comes_of_it(void **state)
{
	static const char expected[] =
		"files\n"
		"  FOLDER/presets/base.yaml\n"
		"  FOLDER/gantry.yaml\n"
		"  FOLDER/conf.d/1.yaml\n"
		"entries\n"
		"  service                         gantry.yaml:2:1\n"
		"  storage           sqlite        conf.d/1.yaml:1:1  replaces gantry.yaml:3:1\n"
		"  auth.s            jwt           gantry.yaml:4:8\n"
		"  handlers.o        order-events  base.yaml:2:3\n"
		"  upstreams.orders                gantry.yaml:5:13\n"
		"routes\n"
		"  GET /o/{id}  s [r1, r2]  o.created, o.confirmed  base.yaml:4:5\n"
		"  GET /open    none        o.created               base.yaml:5:5\n"
		"  every 5m                 o.created               "
		"conf.d/1.yaml:2:10  replaces base.yaml:6:5\n"
		"libraries\n";
	struct files f;
	struct ran r;

	(void)state;
	begin(&f);
	r = run(&f, check_main, CHECK);
	assert_string_equal(r.err, "");
	assert_int_equal(r.status, 0);
	r.out[sizeof(expected) - 1] = '\0';
	assert_string_equal(r.out, expected);
	done(&r);
	files_end(&f);
}

static void test_as_json(void **state)
{
	struct files f;
	struct ran r;
	json_t *tree, *entry;

	(void)state;
	begin(&f);
	r = run(&f, check_main, CHECK " --json");
	assert_int_equal(r.status, 0);
	tree = json_loads(r.out, 0, NULL);
	assert_true(json_is_true(json_object_get(tree, "ok")));
	assert_int_equal(json_array_size(json_object_get(tree, "files")), 3);
	assert_int_equal(json_array_size(json_object_get(tree, "routes")), 3);
	entry = json_array_get(json_object_get(tree, "entries"), 1);
	assert_string_equal(json_string_value(json_object_get(entry, "entry")),
			    "storage");
	assert_string_equal(json_string_value(json_object_get(entry, "plugin")),
			    "sqlite");
	assert_string_equal(
		json_string_value(json_array_get(
			json_object_get(entry, "replaced"), 0)),
		"gantry.yaml:3:1");
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(tree, "libraries"),
				    "jansson")),
			    jansson_version_str());
	json_decref(tree);
	done(&r);
	files_end(&f);
}

static void test_what_is_wrong(void **state)
{
	struct files f;
	struct ran r;
	json_t *tree;

	(void)state;
	begin(&f);
	files_put(&f, "conf.d/2.yaml", "storage: {plugin: sqlite, pth: x}\n");
	r = run(&f, check_main, CHECK);
	assert_int_equal(r.status, 2);
	assert_string_equal(r.out, "");
	assert_string_equal(r.err,
			    "conf.d/2.yaml:1:10: storage.path: missing\n"
			    "conf.d/2.yaml:1:27: storage.pth: unknown key (did "
			    "you mean \"path\"?)\n");
	done(&r);
	r = run(&f, check_main, CHECK " --json");
	assert_int_equal(r.status, 2);
	assert_string_equal(r.err, "");
	tree = json_loads(r.out, 0, NULL);
	assert_true(json_is_false(json_object_get(tree, "ok")));
	assert_string_equal(
		json_string_value(json_array_get(
			json_object_get(tree, "problems"), 0)),
		"conf.d/2.yaml:1:10: storage.path: missing");
	json_decref(tree);
	done(&r);
	files_end(&f);
}

/* The shipped files with the shipped plugins, as far as they were built. */
static void test_the_shipped_configuration(void **state)
{
	static const char *const names[] = { "sqlite", "jwt", "allocations",
					     "order-events", "breaker",
					     "proxy", "reconcile" };
	struct files f;
	struct ran r;

	(void)state;
	files_begin(&f);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *built = memory_format(PLUGINS_BUILT "/%s/.libs/%s.so",
					    names[i], names[i]);
		char *link = memory_format("%s/%s.so", f.folder, names[i]);
		bool there = access(built, R_OK) == 0;

		assert_int_equal(symlink(built, link), 0);
		free(built);
		free(link);
		if (there)
			continue;
		files_end(&f);
		skip();
	}
	r = run(&f, check_main, "check --config " ETCDIR "/gantry.yaml "
				"--presets " ETCDIR " --plugins FOLDER");
	assert_string_equal(r.err, "");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "\nok: 25 routes, 7 instances\n"));
	done(&r);
	files_end(&f);
}

static void test_usage(void **state)
{
	struct files f;
	struct ran r;

	(void)state;
	begin(&f);
	r = run(&f, check_main, "check --help");
	assert_int_equal(r.status, 0);
	assert_memory_equal(r.out, "Usage: gantry check ", 20);
	assert_string_equal(r.err, "");
	done(&r);
	r = run(&f, check_main, "check --conf");
	assert_int_equal(r.status, 2);
	assert_string_equal(r.out, "");
	assert_non_null(strstr(r.err, "Usage: gantry check "));
	done(&r);
	r = run(&f, check_main, CHECK " more");
	assert_int_equal(r.status, 2);
	assert_memory_equal(r.err, "Usage: gantry check ", 20);
	done(&r);
	r = run(&f, plugins_main, "plugins");
	assert_int_equal(r.status, 2);
	assert_memory_equal(r.err, "usage: gantry plugins list ", 27);
	done(&r);
	r = run(&f, plugins_main, "plugins describe");
	assert_int_equal(r.status, 2);
	done(&r);
	r = run(&f, plugins_main, "plugins --help");
	assert_int_equal(r.status, 0);
	done(&r);
	files_end(&f);
}

static void test_plugins_list(void **state)
{
	struct files f;
	struct ran r;
	json_t *tree;

	(void)state;
	begin(&f);
	r = run(&f, plugins_main, "plugins list --plugins " STAND_IN_DIR);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.out,
			    "allocations   1  handlers  inline    Stands in.\n"
			    "breaker       1  breaker   inline    Stands in.\n"
			    "jwt           1  auth      inline    Stands in.\n"
			    "order-events  1  handlers  serial    Stands in.\n"
			    "proxy         1  handlers  serial    Stands in.\n"
			    "reconcile     1  handlers  serial    Stands in.\n"
			    "sqlite        1  storage   parallel  Stands in.\n");
	done(&r);
	r = run(&f, plugins_main, "plugins list --json --plugins " BAD_DIR);
	assert_int_equal(r.status, 1);
	tree = json_loads(r.out, 0, NULL);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(tree, 0),
						  "error")),
		BAD_DIR "/backlog-alone.so: has backlogs and no handlers");
	json_decref(tree);
	done(&r);
	r = run(&f, plugins_main, "plugins list --plugins /nonexistent");
	assert_int_equal(r.status, 1);
	assert_string_equal(r.err, "/nonexistent: cannot read: No such file or "
				   "directory\n");
	done(&r);
	files_end(&f);
}

static void test_plugins_describe(void **state)
{
	struct files f;
	struct ran r;
	json_t *tree, *option;

	(void)state;
	begin(&f);
	r = run(&f, plugins_main,
		"plugins describe order-events --plugins " STAND_IN_DIR);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.out,
			    "order-events 1: Stands in.\n"
			    "handlers, serial, " STAND_IN_DIR "/order-events.so\n"
			    "options: name, type, default, range\n"
			    "  auto_allocate  boolean  true  -  Whether to "
			    "allocate.\n"
			    "  broken         boolean  -     -  Does not open.\n"
			    "handlers:\n"
			    "  created           Stands in.\n"
			    "  confirmed         Stands in.\n"
			    "  cancelled         Stands in.\n"
			    "  return_initiated  Stands in.\n"
			    "backlogs:\n"
			    "  orders  Stand in line.\n");
	done(&r);
	r = run(&f, plugins_main,
		"plugins describe order-events --json --plugins " STAND_IN_DIR);
	tree = json_loads(r.out, 0, NULL);
	option = json_array_get(json_object_get(tree, "backlogs"), 0);
	assert_string_equal(json_string_value(json_object_get(option, "name")), "orders");
	assert_string_equal(json_string_value(json_object_get(option, "summary")),
			    "Stand in line.");
	json_decref(tree);
	done(&r);
	r = run(&f, plugins_main,
		"plugins describe allocations --json --plugins " STAND_IN_DIR);
	tree = json_loads(r.out, 0, NULL);
	option = json_array_get(json_object_get(tree, "options"), 0);
	assert_string_equal(json_string_value(json_object_get(option, "range")),
			    "1s to 30d");
	assert_string_equal(json_string_value(json_object_get(option,
							      "default")),
			    "24h");
	assert_int_equal(json_array_size(json_object_get(tree, "handlers")),
			 14);
	json_decref(tree);
	done(&r);
	r = run(&f, plugins_main,
		"plugins describe jtw --plugins " STAND_IN_DIR);
	assert_int_equal(r.status, 1);
	assert_string_equal(r.err, STAND_IN_DIR ": there is no plugin jtw.so "
						"(did you mean \"jwt\"?)\n");
	done(&r);
	files_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_comes_of_it),
		cmocka_unit_test(test_as_json),
		cmocka_unit_test(test_what_is_wrong),
		cmocka_unit_test(test_the_shipped_configuration),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_plugins_list),
		cmocka_unit_test(test_plugins_describe),
	};

	unsetenv("CREDENTIALS_DIRECTORY");
	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
