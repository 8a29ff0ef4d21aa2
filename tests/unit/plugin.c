/* SPDX-License-Identifier: Apache-2.0 */
/* plugin - the loader's refusals word for word, and instances. */
#include "tests/unit/config_files.h"

#include "gateway/base/error.h"
#include "gateway/plugin/descriptor.h"
#include "gateway/plugin/instance.h"
#include "gateway/plugin/plugins.h"

/* The error of loading name from folder; "" if it loads. To be freed. */
static char *load(const char *folder, const char *name)
{
	struct plugins *plugins = plugins_new(folder);
	struct gantry_error err = ERROR_INIT;

	if (plugins_load(plugins, name, &err) != NULL)
		err.message[0] = '\0';
	else
		assert_string_not_equal(err.message, "");
	plugins_free(&plugins);
	return memory_text(err.message);
}

static void refused(const char *name, const char *what)
{
	char *got = load(BAD_DIR, name);
	char *expected = memory_format(BAD_DIR "/%s.so: %s", name, what);

	assert_string_equal(got, expected);
	free(got);
	free(expected);
}

static void test_files_that_are_no_plugins(void **state)
{
	(void)state;
	refused("no-note", "has no Gantry note, so it is no plugin; build it "
			   "with GANTRY_PLUGIN() of <gantry/plugin.h>");
	refused("other-major", "built for plugin interface 2, this gateway has "
			       "1; build it again with this gateway's headers");
	refused("newer-level", "needs level 99 of plugin interface 1, this "
			       "gateway has level 1; update the gateway, or "
			       "build with GANTRY_LEVEL_WANTED 1");
	assert_null(getenv("TEST_CONSTRUCTOR"));
	refused("no-entry", "does not export gantry_plugin_entry; build it "
			    "with GANTRY_PLUGIN() of <gantry/plugin.h>");
	refused("extra-export", "exports extra_export_helper beside "
				"gantry_plugin_entry; make it static, or build "
				"with -fvisibility=hidden");
	refused("unknown-symbol", "calls gantry_from_the_future, which this "
				  "gateway (plugin interface 1, level 1) does "
				  "not have; update the gateway, or use what "
				  "gantry-plugin(3) says it has");
	refused("json-unlinked", "calls json_object without libjansson.so.4; "
				 "link it with -ljansson");
	refused("own-json", "carries its own jansson (json_object); link it "
			    "with -ljansson instead");
	refused("unresolved", "cannot be loaded: undefined symbol: "
			      "nowhere_at_all; link it with the library that "
			      "has it");
}

static void test_descriptors_that_are_wrong(void **state)
{
	(void)state;
	refused("null-entry", "gantry_plugin_entry() returned NULL");
	refused("short-descriptor", "its descriptor has 16 bytes, at least 120 "
				    "are needed");
	refused("other-numbers", "its descriptor says plugin interface 3 level "
				 "1, this gateway has 1 level 1");
	refused("two-kinds", "is more than one of storage, handlers, auth and "
			     "breaker; a plugin is exactly one of them");
	refused("no-kind", "is none of storage, handlers, auth and breaker; a "
			   "plugin is exactly one of them");
	refused("wrong-name", "calls itself \"right-name\"; name the file "
			      "right-name.so");
	refused("no-version", "has no version or no summary");
	refused("bad-threads", "has thread model 7, which does not exist");
	refused("huge-instance", "wants 2097152 bytes for an instance, at most "
				 "1048576");
}

static void test_tables_that_are_wrong(void **state)
{
	(void)state;
	refused("bad-options", "option \"count\" lies outside the instance");
	refused("short-option", "option 1 has a wrong size");
	refused("handler-twice", "handler \"step\" is there twice");
	refused("handler-empty", "handler \"other\" has no function");
	refused("handler-name", "handler 1 has no name of a-z, 0-9, _ and -");
	refused("no-handlers", "must have 1 to 128 handlers");
	refused("half-storage", "its storage must have prepare, lanes, read, "
				"scan, begin, load, store, commit and rollback");
	refused("half-auth", "its auth must have authenticate");
	refused("half-breaker",
		"its breaker must have permit, result, order and status");
}

static void test_backlogs_that_are_wrong(void **state)
{
	(void)state;
	refused("backlog-twice", "backlog \"jobs\" is there twice");
	refused("backlog-space", "backlog \"jobs\" must have summary, counts and waiting; "
				 "the latter are spaces of records");
	refused("backlog-name", "backlog 1 has no name of a-z, 0-9, _ and -");
	refused("backlog-size", "backlog 1 has a wrong size");
	refused("backlog-alone", "has backlogs and no handlers");
}

static void test_names(void **state)
{
	char *got = load(BAD_DIR, "gooad");

	(void)state;
	assert_string_equal(got, BAD_DIR ": there is no plugin gooad.so (did "
					 "you mean \"good\"?)");
	free(got);
	got = load(BAD_DIR, "../bad/good");
	assert_string_equal(got, "\"../bad/good\" is neither a plugin's name "
				 "nor an absolute path");
	free(got);
	got = load("/nonexistent", "x");
	assert_string_equal(got, "/nonexistent: cannot read: No such file or "
				 "directory");
	free(got);
	got = load("/nonexistent", "/nonexistent/x.so");
	assert_string_equal(got, "/nonexistent: cannot open: No such file or "
				 "directory");
	free(got);
	got = load("/nonexistent", BAD_DIR "/missing.so");
	assert_string_equal(got, BAD_DIR "/missing.so: cannot open: No such "
					 "file or directory");
	free(got);
	got = load("/nonexistent", BAD_DIR "/good.so");
	assert_string_equal(got, "");
	free(got);
}

/* The bytes of a plugin of BAD_DIR; to be freed. */
static char *bytes_of(const char *name, size_t *len_out)
{
	char *path = memory_format(BAD_DIR "/%s.so", name);
	FILE *file = fopen(path, "r");
	char *bytes = memory_new(1 << 20);

	assert_non_null(file);
	*len_out = fread(bytes, 1, 1 << 20, file);
	assert_true(*len_out > 64 && *len_out < 1 << 20);
	fclose(file);
	free(path);
	return bytes;
}

/* That bytes as FOLDER/good.so are refused so (NULL: whatever comes). */
static void bytes_refused(const struct files *f, const char *bytes, size_t len,
			  const char *what)
{
	char *path = files_write(f, "good.so", bytes, len);
	char *got, *expected;

	got = load(f->folder, "good");
	if (what != NULL) {
		expected = memory_format("%s: %s", path, what);
		assert_string_equal(got, expected);
		free(expected);
	}
	free(got);
	unlink(path);
	free(path);
}

static void test_bytes(void **state)
{
	struct files f;
	size_t len;
	char *bytes = bytes_of("good", &len);
	char was;

	(void)state;
	files_begin(&f);
	bytes_refused(&f, "#!/bin/sh\n", 10, "is not an ELF file");
	bytes_refused(&f, "", 0, "is not an ELF file");
	was = bytes[4];
	bytes[4] = 1;
	bytes_refused(&f, bytes, len,
		      "is not a 64-bit shared object for this machine");
	bytes[4] = was;
	was = bytes[18];
	bytes[18] = (char)0xf3;
	bytes_refused(&f, bytes, len,
		      "is not a 64-bit shared object for this machine");
	bytes[18] = was;
	bytes_refused(&f, bytes, len / 2,
		      "is damaged, or its section headers are gone; build it "
		      "again");
	free(bytes);
	files_end(&f);
}

/* Cut at any length it is refused, not read beyond its end. */
static void test_every_cut(void **state)
{
	struct files f;
	size_t len;
	char *bytes = bytes_of("no-note", &len);

	(void)state;
	files_begin(&f);
	for (size_t cut = 0; cut < len; cut += 61)
		bytes_refused(&f, bytes, cut, NULL);
	free(bytes);
	files_end(&f);
}

/*
 * Headers changed at random. Of a file without a note, so that whatever comes
 * of it is looked at and never run.
 */
static void test_every_header(void **state)
{
	struct files f;
	size_t len;
	char *bytes = bytes_of("no-note", &len);
	unsigned seed = 7;

	(void)state;
	files_begin(&f);
	for (unsigned i = 0; i < 1000; i++) {
		char *copy = memory_new(len);
		char *path, *got;

		memcpy(copy, bytes, len);
		for (unsigned j = 0; j < 4; j++) {
			size_t at = (size_t)rand_r(&seed) % (j < 2 ? 1000 : len);

			copy[at] = (char)rand_r(&seed);
		}
		path = files_write(&f, "no-note.so", copy, len);
		got = load(f.folder, "no-note");
		assert_string_not_equal(got, "");
		free(got);
		unlink(path);
		free(path);
		free(copy);
	}
	free(bytes);
	files_end(&f);
}

static void test_owners_and_modes(void **state)
{
	struct files f;
	size_t len;
	char *bytes = bytes_of("good", &len), *path, *got, *expected;

	(void)state;
	files_begin(&f);
	path = files_write(&f, "good.so", bytes, len);
	assert_int_equal(chmod(path, 0775), 0);
	got = load(f.folder, "good");
	expected = memory_format("%s: others may write it (mode 0775); chmod "
				 "go-w it", path);
	assert_string_equal(got, expected);
	free(got);
	free(expected);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chmod(f.folder, 0777), 0);
	got = load(f.folder, "good");
	expected = memory_format("%s: others may write it (mode 0777); chmod "
				 "go-w it", f.folder);
	assert_string_equal(got, expected);
	free(got);
	free(expected);
	assert_int_equal(chmod(f.folder, 0755), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		got = load(f.folder, "good");
		expected = memory_format("%s: belongs to user 65534; it must "
					 "belong to root or to user 0", path);
		assert_string_equal(got, expected);
		free(got);
		free(expected);
	}
	unlink(path);
	assert_int_equal(mkdir(path, 0755), 0);
	got = load(f.folder, "good");
	expected = memory_format("%s: is not a regular file", path);
	assert_string_equal(got, expected);
	free(got);
	free(expected);
	free(path);
	free(bytes);
	files_end(&f);
}

static void test_loaded(void **state)
{
	struct plugins *plugins = plugins_new(BAD_DIR);
	struct gantry_error err = ERROR_INIT;
	const struct gantry_plugin *p = plugins_load(plugins, "good", &err);

	(void)state;
	assert_non_null(p);
	assert_string_equal(descriptor_kind(p), "handlers");
	assert_int_equal(p->size, sizeof(*p));
	assert_non_null(p->open);
	assert_non_null(p->close);
	assert_non_null(p->check);
	assert_non_null(p->options);
	assert_null(p->options[0]);
	assert_string_equal(p->handlers[0]->name, "step");
	assert_null(p->handlers[0]->settle);
	assert_ptr_equal(plugins_load(plugins, "good", &err), p);
	assert_ptr_equal(plugins_load(plugins, BAD_DIR "/good.so", &err), p);
	assert_string_equal(plugins_path(plugins, p), BAD_DIR "/good.so");
	p = plugins_load(plugins, "larger", &err);
	assert_non_null(p);
	assert_int_equal(p->size, sizeof(*p));
	assert_int_equal(plugins_replaced(plugins), 0);
	plugins_free(&plugins);
}

/* A file that is put in the place of a loaded one is loaded beside it. */
static void test_replaced(void **state)
{
	struct plugins *plugins;
	struct gantry_error err = ERROR_INIT;
	const struct gantry_plugin *before, *after;
	struct files f;
	size_t len;
	char *bytes = bytes_of("good", &len), *path, *next;

	(void)state;
	files_begin(&f);
	plugins = plugins_new(f.folder);
	path = files_write(&f, "good.so", bytes, len);
	before = plugins_load(plugins, "good", &err);
	assert_non_null(before);
	next = files_write(&f, "good.so.new", bytes, len);
	assert_int_equal(rename(next, path), 0);
	after = plugins_load(plugins, "good", &err);
	assert_non_null(after);
	assert_ptr_not_equal(before, after);
	assert_ptr_not_equal(before->handlers[0]->handle,
			     after->handlers[0]->handle);
	assert_int_equal(plugins_replaced(plugins), 1);
	assert_ptr_equal(plugins_load(plugins, "good", &err), after);
	plugins_free(&plugins);
	free(path);
	free(next);
	free(bytes);
	files_end(&f);
}

static void test_names_of_the_folder(void **state)
{
	struct plugins *plugins = plugins_new(STAND_IN_DIR);
	struct gantry_error err = ERROR_INIT;
	char **names = plugins_names(plugins, &err);

	(void)state;
	assert_string_equal(names[0], "allocations");
	assert_string_equal(names[1], "breaker");
	assert_string_equal(names[2], "jwt");
	assert_string_equal(names[3], "order-events");
	assert_string_equal(names[4], "proxy");
	assert_string_equal(names[5], "reconcile");
	assert_string_equal(names[6], "sqlite");
	assert_null(names[7]);
	plugins_names_free(&names);
	plugins_free(&plugins);
}

/* The only handler of a main file, as an instance. */
static struct gantry_instance *instance_of(struct plugins *plugins,
					   const char *name, const char *entry,
					   char **problems_out)
{
	struct problems problems = { 0 };
	struct gantry_error err = ERROR_INIT;
	struct gantry_instance *i;
	struct config *c;
	struct files f;
	char *yaml = memory_format("storage: {plugin: s}\nhandlers:\n  a: %s\n",
				   entry);

	files_begin(&f);
	files_put(&f, "gantry.yaml", yaml);
	c = files_load(&f, &problems);
	i = instance_new(plugins_load(plugins, name, &err),
			 c->handlers.items[0], "shop", &problems);
	*problems_out = files_problems(&f, &problems);
	config_free(&c);
	problems_fini(&problems);
	files_end(&f);
	free(yaml);
	return i;
}

static void test_instances(void **state)
{
	struct plugins *plugins = plugins_new(STAND_IN_DIR);
	struct gantry_error err = ERROR_INIT;
	struct gantry_instance *i;
	char *text;

	(void)state;
	unsetenv("TEST_OPENED");
	i = instance_of(plugins, "order-events", "{plugin: x}", &text);
	assert_string_equal(text, "");
	free(text);
	/* outlives the configuration that it was made from */
	assert_string_equal(gantry_instance_name(i), "a");
	assert_string_equal(gantry_instance_service(i), "shop");
	assert_null(getenv("TEST_OPENED"));
	assert_int_equal(instance_open(i, &err), 0);
	assert_string_equal(getenv("TEST_OPENED"), "a");
	assert_string_equal(getenv("TEST_SERVICE"), "shop");
	instance_close(i);
	assert_null(getenv("TEST_OPENED"));
	instance_close(i);
	assert_int_equal(instance_open(i, &err), 0);
	instance_free(&i);
	assert_null(i);
	assert_null(getenv("TEST_OPENED"));
	i = instance_of(plugins, "order-events", "{plugin: x, broken: true}",
			&text);
	free(text);
	assert_int_equal(instance_open(i, &err), -1);
	assert_string_equal(err.message,
			    "a (order-events): does not want to");
	instance_free(&i);
	plugins_free(&plugins);
}

static void test_instances_that_are_wrong(void **state)
{
	struct plugins *plugins = plugins_new(STAND_IN_DIR);
	char *text;

	(void)state;
	assert_null(instance_of(plugins, "allocations",
				"{plugin: x, ttl: 5, in_a_bubble: true, "
				"max_tl: 1s}", &text));
	assert_string_equal(text,
			    "gantry.yaml:3:23: handlers.a.ttl: not a duration "
			    "(250ms, 10s, 5m, 24h, 30d): \"5\"\n"
			    "gantry.yaml:3:26: handlers.a.in_a_bubble: unknown "
			    "key\n"
			    "gantry.yaml:3:45: handlers.a.max_tl: unknown key "
			    "(did you mean \"max_ttl\"?)\n");
	free(text);
	assert_null(instance_of(plugins, "allocations",
				"{plugin: x, ttl: 5h, max_ttl: 1h}", &text));
	assert_string_equal(text, "gantry.yaml:3:3: handlers.a: ttl is above "
				  "max_ttl\n");
	free(text);
	plugins_free(&plugins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_that_are_no_plugins),
		cmocka_unit_test(test_descriptors_that_are_wrong),
		cmocka_unit_test(test_tables_that_are_wrong),
		cmocka_unit_test(test_backlogs_that_are_wrong),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_every_header),
		cmocka_unit_test(test_owners_and_modes),
		cmocka_unit_test(test_loaded),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_names_of_the_folder),
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_instances_that_are_wrong),
	};

	unsetenv("TEST_CONSTRUCTOR");
	return cmocka_run_group_tests_name("plugin", tests, NULL, NULL);
}
