/* SPDX-License-Identifier: Apache-2.0 */
/* api_key_file - what the plugin's file may say, whose a key is in it, and what is
   written into it. */
#include "tests/unit/api_key_host.h"

#include "plugins/api-key/enroll.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
