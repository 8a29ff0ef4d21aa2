/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_key - the plugin over a host of the test's: what its file may say, whose
 * a key is, a file in change, and several threads at once.
 */
#include <pthread.h>
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

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "plugins/api-key/enroll.h"
#include "plugins/api-key/keys.h"

#define NOW INT64_C(1800000000000)
#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct gantry_message {
	const char *name, *value;	/* the only header */
	int64_t now_ms;
	char issuer[256], subject[256], roles[512];
	char logged[256];
};

const char *gantry_credential_in(struct gantry_message *m, const char *header,
				 size_t *len_out)
{
	*len_out = 0;
	if (m->value == NULL || strcmp(header, m->name) != 0)
		return NULL;
	*len_out = strlen(m->value);
	return m->value;
}

void gantry_identify(struct gantry_message *m, const char *issuer,
		     const char *subject)
{
	snprintf(m->issuer, sizeof(m->issuer), "%s", issuer);
	snprintf(m->subject, sizeof(m->subject), "%s", subject);
}

void gantry_grant(struct gantry_message *m, const char *role)
{
	size_t at = strlen(m->roles);

	snprintf(m->roles + at, sizeof(m->roles) - at, "%s;", role);
}

int64_t gantry_now_ms(const struct gantry_message *m)
{
	return m->now_ms;
}

bool gantry_parse_time(const char *text, size_t len, int64_t *ms_out)
{
	return clock_parse(text, len, ms_out);
}

void gantry_log(struct gantry_message *m, enum gantry_level level,
		const char *format, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, format);
	vsnprintf(m->logged, sizeof(m->logged), format, ap);
	va_end(ap);
}

const char *gantry_instance_name(const struct gantry_instance *instance)
{
	(void)instance;
	return "partners";
}

char *gantry_secret(const char *path, size_t *len_out, struct gantry_error *err)
{
	FILE *f = fopen(path, "r");
	char *text;

	if (f == NULL) {
		gantry_fail(err, "cannot open %s", path);
		return NULL;
	}
	text = memory_new(65537);
	*len_out = fread(text, 1, 65536, f);
	fclose(f);
	return text;
}

void gantry_secret_free(char **secret, size_t len)
{
	explicit_bzero(*secret, len);
	free(*secret);
	*secret = NULL;
}

static void hash_text(const char *key, char out[65])
{
	unsigned char hash[API_KEY_HASH];

	api_key_hash(key, strlen(key), hash);
	for (int i = 0; i < API_KEY_HASH; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* --- the file --- */

static struct api_key_keys *read_keys(const char *text, struct gantry_error *err)
{
	return api_key_keys_new(text, strlen(text), err);
}

static void refuses(const char *text, const char *expected)
{
	struct gantry_error err = ERROR_INIT;

	assert_null(read_keys(text, &err));
	assert_string_equal(err.message, expected);
	error_fini(&err);
}

static void test_hash_is_sha256(void **state)
{
	char hash[65];

	(void)state;
	hash_text("test", hash);
	assert_string_equal(hash, "9f86d081884c7d659a2feaa0c55ad015"
				  "a3bf4f1b2b0b822cd15d6c15b0f00a08");
}

static void test_what_a_file_may_say(void **state)
{
	char hash[65], text[1024];
	struct api_key_keys *keys;
	const struct api_key_sender *s;

	(void)state;
	hash_text(KEY_A, hash);
	snprintf(text, sizeof(text), "# words\n\n \t\r\n  one\ta,b:view \t %s  \r\n", hash);
	hash_text(KEY_B, hash);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "one c %s", hash);
	keys = read_keys(text, NULL);
	assert_non_null(keys);
	assert_int_equal(keys->n, 2);
	s = api_key_keys_find(keys, KEY_A, strlen(KEY_A));
	assert_string_equal(s->name, "one");
	assert_int_equal(s->n_roles, 2);
	assert_string_equal(s->roles[0], "a");
	assert_string_equal(s->roles[1], "b:view");
	s = api_key_keys_find(keys, KEY_B, strlen(KEY_B));
	assert_string_equal(s->roles[0], "c");
	assert_null(api_key_keys_find(keys, KEY_A, strlen(KEY_A) - 1));
	assert_null(api_key_keys_find(keys, hash, strlen(hash)));
	api_key_keys_release(&keys);
	keys = read_keys("# nobody yet\n", NULL);
	assert_int_equal(keys->n, 0);
	assert_null(api_key_keys_find(keys, KEY_A, strlen(KEY_A)));
	api_key_keys_release(&keys);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void test_what_it_may_not(void **state)
{
	struct gantry_error err = ERROR_INIT;

	(void)state;
	refuses("one role", "line 1: not \"name role[,role] hash [until=TIME]\"");
	refuses("one", "line 1: not \"name role[,role] hash [until=TIME]\"");
	refuses("\n# x\none a " ZEROS " more", "line 3: the fourth word is not until= and a "
		"time such as 2027-01-01T00:00:00Z");
	refuses("on\"e a " ZEROS, "line 1: \"on\"e\" is no name of a sender");
	refuses("one a,,b " ZEROS, "line 1: \"\" is no name of a role");
	refuses("one a, " ZEROS, "line 1: \"\" is no name of a role");
	refuses("one a!b " ZEROS, "line 1: \"a!b\" is no name of a role");
	refuses("one a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q " ZEROS,
		"line 1: more than 16 roles");
	refuses("one a 00", "line 1: the hash is not 64 of 0-9 and a-f");
	refuses("one a " ZEROS "0", "line 1: the hash is not 64 of 0-9 and a-f");
	refuses("one a G" ZEROS, "line 1: the hash is not 64 of 0-9 and a-f");
	refuses("one a A000000000000000000000000000000000000000000000000000000000000000",
		"line 1: the hash is not 64 of 0-9 and a-f");
	refuses("one a " ZEROS " till=2027-01-01T00:00:00Z",
		"line 1: the fourth word is not until= and a time such as "
		"2027-01-01T00:00:00Z");
	refuses("one a " ZEROS " until=2027-13-01T00:00:00Z",
		"line 1: the fourth word is not until= and a time such as "
		"2027-01-01T00:00:00Z");
	refuses("one a " ZEROS " until=2027-01-01T00:00:00Z more",
		"line 1: not \"name role[,role] hash [until=TIME]\"");
	refuses("one a " ZEROS "\ntwo b " ZEROS,
		"line 2: this key stands in the file before");
	assert_null(api_key_keys_new("a\0b", 3, &err));
	assert_string_equal(err.message, "not a text");
	error_fini(&err);
}

/* A key in the place of its hash must not come out in a log. */
static void test_a_key_is_not_repeated(void **state)
{
	struct gantry_error err = ERROR_INIT;

	(void)state;
	assert_null(read_keys("one a gantry_secret", &err));
	assert_null(strstr(err.message, "secret"));
	error_fini(&err);
}

static void test_a_file_has_a_bound(void **state)
{
	struct gantry_error err = ERROR_INIT;
	char *text = memory_new(API_KEY_MAX * 80 + 200), *at = text;
	struct api_key_keys *keys;

	(void)state;
	for (unsigned i = 0; i < API_KEY_MAX; i++)
		at += sprintf(at, "n r %064x\n", i);
	keys = read_keys(text, NULL);
	assert_int_equal(keys->n, API_KEY_MAX);
	api_key_keys_release(&keys);
	sprintf(at, "n r %064x", API_KEY_MAX);
	assert_null(read_keys(text, &err));
	assert_string_equal(err.message, "line 1025: more than 1024 keys");
	error_fini(&err);
	free(text);
}

static void test_lengths_of_a_key(void **state)
{
	static const struct { size_t len; bool taken; } cases[] = {
		{ 0, false }, { 1, false }, { 31, false }, { 32, true },
		{ 256, true }, { 257, false },
	};
	char key[300], hash[65], text[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct api_key_keys *keys;

		memset(key, 'k', sizeof(key));
		key[cases[i].len] = '\0';
		hash_text(key, hash);
		snprintf(text, sizeof(text), "n r %s", hash);
		keys = read_keys(text, NULL);
		assert_int_equal(api_key_keys_find(keys, key, cases[i].len) != NULL,
				 cases[i].taken);
		api_key_keys_release(&keys);
	}
}

/* Tables of all sizes, each key in each place, and keys that are not there. */
static void test_each_finds_its_own(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= 40; n++) {
		char text[8000] = "", hash[65], key[64], *at = text;
		struct api_key_keys *keys;

		for (unsigned i = 0; i < n; i++) {
			snprintf(key, sizeof(key), "%040u", i * 7);
			hash_text(key, hash);
			at += sprintf(at, "sender%u role%u %s\n", i, i, hash);
		}
		keys = read_keys(text, NULL);
		for (unsigned i = 0; i < n * 7 + 7; i++) {
			const struct api_key_sender *s;

			snprintf(key, sizeof(key), "%040u", i);
			s = api_key_keys_find(keys, key, 40);
			snprintf(key, sizeof(key), "sender%u", i / 7);
			assert_int_equal(s != NULL, i % 7 == 0 && i / 7 < n);
			if (s != NULL)
				assert_string_equal(s->name, key);
		}
		api_key_keys_release(&keys);
	}
}

/* --- a new key --- */

static void test_what_is_given_is_taken(void **state)
{
	static const char *const roles[] = { "a", "b:view", NULL };
	char key[GANTRY_TOKEN_SIZE], line[GANTRY_TOKEN_SIZE];
	char other[GANTRY_TOKEN_SIZE];
	const struct api_key_sender *s;
	struct api_key_keys *keys;

	(void)state;
	assert_int_equal(api_key_enroll(&GANTRY_ENROLMENT(.name = "p-7", .roles = roles),
				       key, line, NULL), 0);
	assert_int_equal(strlen(key), 7 + 64);
	assert_memory_equal(key, "gantry_", 7);
	assert_null(strstr(line, key + 7));
	keys = read_keys(line, NULL);
	s = api_key_keys_find(keys, key, strlen(key));
	assert_string_equal(s->name, "p-7");
	assert_int_equal(s->n_roles, 2);
	assert_string_equal(s->roles[1], "b:view");
	api_key_keys_release(&keys);
	assert_int_equal(api_key_enroll(&GANTRY_ENROLMENT(.name = "p-7", .roles = roles,
						     .until_ms = NOW), other, line,
				       NULL), 0);
	assert_string_not_equal(key, other);
	assert_string_equal(strstr(line, " until="), " until=2027-01-15T08:00:00Z");
	keys = read_keys(line, NULL);
	s = api_key_keys_find(keys, other, strlen(other));
	assert_true(s->until_ms == NOW);
	api_key_keys_release(&keys);
}

static void enroll_refuses(const char *name, const char *const *roles,
			  const char *expected)
{
	char key[GANTRY_TOKEN_SIZE] = "key", line[GANTRY_TOKEN_SIZE] = "line";
	struct gantry_error err = ERROR_INIT;

	assert_int_equal(api_key_enroll(&GANTRY_ENROLMENT(.name = name, .roles = roles),
				       key, line, &err), -1);
	assert_string_equal(err.message, expected);
	assert_string_equal(key, "key");
	assert_string_equal(line, "line");
	error_fini(&err);
}

static void test_what_is_not_given(void **state)
{
	const char *many[18] = { NULL }, *one[] = { "r", NULL };
	char longest[130];

	(void)state;
	enroll_refuses("a b", one, "name: not 1 to 128 of A-Z a-z 0-9 . _ : @ / + -: \"a b\"");
	enroll_refuses("", one, "name: not 1 to 128 of A-Z a-z 0-9 . _ : @ / + -: \"\"");
	enroll_refuses("a", (const char *const[]){ "x,y", NULL },
		      "role: not 1 to 128 of A-Z a-z 0-9 . _ : @ / + -: \"x,y\"");
	enroll_refuses("a", many, "1 to 16 roles are needed");
	for (int i = 0; i < 17; i++)
		many[i] = "r";
	enroll_refuses("a", many, "1 to 16 roles are needed");
	assert_int_equal(api_key_enroll(&GANTRY_ENROLMENT(.name = "a", .roles = one,
							  .until_ms = INT64_MAX),
					NULL, NULL, NULL), -1);
	memset(longest, 'x', 128);
	longest[128] = '\0';
	assert_true(api_key_is_name(longest));
	strcat(longest, "x");
	assert_false(api_key_is_name(longest));
}

/* --- the plugin --- */

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
		cmocka_unit_test(test_hash_is_sha256),
		cmocka_unit_test(test_what_a_file_may_say),
		cmocka_unit_test(test_what_it_may_not),
		cmocka_unit_test(test_a_key_is_not_repeated),
		cmocka_unit_test(test_a_file_has_a_bound),
		cmocka_unit_test(test_lengths_of_a_key),
		cmocka_unit_test(test_each_finds_its_own),
		cmocka_unit_test(test_what_is_given_is_taken),
		cmocka_unit_test(test_what_is_not_given),
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
