/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_key - the plugin over a host of the test's: who has a key, a file in change,
 * and several threads at once. What its file may say: api_key_file.c.
 */
#include <pthread.h>
#include <unistd.h>

#include "tests/unit/api_key_host.h"

struct fixture {
	void *self;
	char path[64];
	struct gantry_message m;
	struct gantry_error err;
};

static const struct gantry_plugin *plugin(void)
{
	return gantry_plugin_entry();
}

static const char **option(struct fixture *f, const char *name)
{
	const struct gantry_option *const *o = plugin()->options;

	while (strcmp((*o)->name, name) != 0)
		o++;
	return (const char **)((char *)f->self + (*o)->offset);
}

/* By another file in its place, as a person would. */
static void write_keys(struct fixture *f, const char *text)
{
	char path[80];
	FILE *file;

	snprintf(path, sizeof(path), "%s.new", f->path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(rename(path, f->path), 0);
}

static void write_key(struct fixture *f, const char *name, const char *key)
{
	char hash[65], text[256];

	hash_text(key, hash);
	snprintf(text, sizeof(text), "%s role-of-%s,x %s\n", name, name, hash);
	write_keys(f, text);
}

static int setup(void **state)
{
	struct fixture *f = memory_new(sizeof(*f));
	int fd;

	strcpy(f->path, "/tmp/gantry-unit-api-key-XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	close(fd);
	write_key(f, "a", KEY_A);
	f->self = memory_new(plugin()->instance_size);
	*option(f, "key_file") = f->path;
	*option(f, "header") = "X-Api-Key";
	f->m.name = "X-Api-Key";
	f->m.now_ms = NOW;
	*state = f;
	return plugin()->open(f->self, NULL, &f->err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	plugin()->close(f->self);
	unlink(f->path);
	free(f->self);
	free(f);
	return 0;
}

static enum gantry_access ask(struct fixture *f, const char *key)
{
	f->m.value = key;
	f->m.issuer[0] = f->m.subject[0] = f->m.roles[0] = f->m.logged[0] = '\0';
	error_reset(&f->err);
	return plugin()->auth->authenticate(f->self, &f->m, &f->err);
}

static void test_who_has_a_key(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, KEY_A), GANTRY_ACCESS_GRANTED);
	assert_string_equal(f->m.issuer, "api-key:partners");
	assert_string_equal(f->m.subject, "a");
	assert_string_equal(f->m.roles, "role-of-a;x;");
}

static void test_who_has_none(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, NULL), GANTRY_ACCESS_DEFERRED);
	assert_string_equal(f->err.message, "no header X-Api-Key");
	assert_int_equal(ask(f, KEY_B), GANTRY_ACCESS_DENIED);
	assert_string_equal(f->err.message,
			    "the header X-Api-Key has no key that is known");
	assert_int_equal(ask(f, ""), GANTRY_ACCESS_DENIED);
	assert_string_equal(f->m.roles, "");
	f->m.name = "Other";
	assert_int_equal(ask(f, KEY_A), GANTRY_ACCESS_DEFERRED);
}

static void test_a_key_that_ends(void **state)
{
	struct fixture *f = *state;
	char hash[65], text[256];

	hash_text(KEY_A, hash);
	snprintf(text, sizeof(text), "a r %s until=2027-01-15T08:00:10Z\n", hash);
	write_keys(f, text);
	f->m.now_ms = NOW + 9999;
	assert_int_equal(ask(f, KEY_A), GANTRY_ACCESS_GRANTED);
	f->m.now_ms = NOW + 10000;
	assert_int_equal(ask(f, KEY_A), GANTRY_ACCESS_DENIED);
	assert_string_equal(f->err.message, "the key of \"a\" has expired");
	assert_string_equal(f->m.roles, "");
}

static void test_a_file_in_change(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, KEY_A), GANTRY_ACCESS_GRANTED);
	write_key(f, "b", KEY_B);
	assert_int_equal(ask(f, KEY_B), GANTRY_ACCESS_DENIED);	/* not yet */
	f->m.now_ms += 1000;
	assert_int_equal(ask(f, KEY_B), GANTRY_ACCESS_GRANTED);
	assert_string_equal(f->m.subject, "b");
	assert_string_equal(f->m.logged, "key_file changed: new keys");
	assert_int_equal(ask(f, KEY_A), GANTRY_ACCESS_DENIED);
	write_keys(f, "nonsense\n");
	f->m.now_ms += 1000;
	assert_int_equal(ask(f, KEY_B), GANTRY_ACCESS_GRANTED);
	assert_string_equal(f->m.logged,
			    "key_file changed and cannot be used, the old keys "
			    "stay; \"gantry api-key check\" says why");
	f->m.now_ms += 1000;
	assert_int_equal(ask(f, KEY_B), GANTRY_ACCESS_GRANTED);
	assert_string_equal(f->m.logged, "");	/* said once */
	unlink(f->path);
	f->m.now_ms += 1000;
	assert_int_equal(ask(f, KEY_B), GANTRY_ACCESS_GRANTED);
	write_key(f, "a", KEY_A);
	f->m.now_ms -= 100000;	/* the clock was set back */
	assert_int_equal(ask(f, KEY_A), GANTRY_ACCESS_GRANTED);
}

static void test_needs_its_file(void **state)
{
	struct fixture *f = *state;
	void *self = memory_new(plugin()->instance_size);

	memcpy(self, f->self, plugin()->instance_size);
	write_keys(f, "one\n");
	assert_int_equal(plugin()->open(self, NULL, &f->err), -1);
	assert_string_equal(f->err.message, "line 1: not \"name role[,role] hash [until=TIME]\"");
	free(self);
}

static void checks(struct fixture *f, const char *header, const char *expected)
{
	*option(f, "header") = header;
	error_reset(&f->err);
	assert_int_equal(plugin()->check(f->self, &f->err), expected == NULL ? 0 : -1);
	assert_string_equal(f->err.message, expected == NULL ? "" : expected);
}

static void test_headers_that_may_be(void **state)
{
	struct fixture *f = *state;

	checks(f, "X-Api-Key", NULL);
	checks(f, "a b", "header: \"a b\" is no name of a header");
	checks(f, "a:", "header: \"a:\" is no name of a header");
	checks(f, "authorization", "header: Authorization is for tokens; "
				   "keys need a header of their own");
}

struct hammer {
	struct fixture *f;
	int64_t offset;
	atomic_int *wrong;
};

static void *hammer_run(void *arg)
{
	struct hammer *h = arg;

	for (int i = 0; i < 20000; i++) {
		struct gantry_message m = { .name = "X-Api-Key", .value = KEY_A };
		struct gantry_error err = ERROR_INIT;

		m.now_ms = NOW + h->offset + i * 10;
		if (plugin()->auth->authenticate(h->f->self, &m, &err) !=
			    GANTRY_ACCESS_GRANTED || strcmp(m.subject, "a") != 0)
			atomic_fetch_add(h->wrong, 1);
		error_fini(&err);
	}
	return NULL;
}

/* The key stays good while others come and go beside it. */
static void test_threads(void **state)
{
	struct fixture *f = *state;
	atomic_int wrong = 0;
	struct hammer h = { f, 0, &wrong };
	pthread_t threads[3];
	char hash[65], other[65], text[512];

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_run, &h), 0);
	hash_text(KEY_A, hash);
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "%040d", i);
		hash_text(text, other);
		snprintf(text, sizeof(text), "o r %s\na r %s\n", other, hash);
		write_keys(f, text);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_who_has_a_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_has_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_key_that_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_file_in_change, setup, teardown),
		cmocka_unit_test_setup_teardown(test_needs_its_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_headers_that_may_be, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
