/* SPDX-License-Identifier: Apache-2.0 */
/* option - every type with its defaults, ranges and errors; secrets (D35). */
#include "tests/unit/config_files.h"

#include "gateway/base/error.h"
#include "gateway/config/option.h"
#include "gateway/config/secret.h"
#include "gateway/config/yaml.h"

struct thing {
	const char *text, *path, *key_file;
	const char *const *list;
	int64_t count, room, wait, mode;
	bool flag;
};

static const char *const modes[] = { "strict", "optimistic", "off", NULL };

static const struct gantry_option *const table[] = {
	GANTRY_TEXT(struct thing, text, .max = 8, .min = 2, .summary = "t"),
	GANTRY_PATH(struct thing, path, .fallback = "/var/x", .summary = "p"),
	GANTRY_SECRET_FILE(struct thing, key_file, .summary = "k"),
	GANTRY_LIST(struct thing, list, .fallback = "a, b", .min = 1, .max = 3,
		    .summary = "l"),
	GANTRY_INTEGER(struct thing, count, .fallback = "7", .min = 1,
		       .max = 100, .summary = "c"),
	GANTRY_SIZE(struct thing, room, .fallback = "1M", .min = 1024,
		    .max = 2 << 20, .summary = "r"),
	GANTRY_DURATION(struct thing, wait, .fallback = "24h", .min = 1000,
			.max = INT64_C(30) * 86400000, .summary = "w"),
	GANTRY_CHOICE(struct thing, mode, .fallback = "off", .choices = modes,
		      .summary = "m"),
	GANTRY_BOOLEAN(struct thing, flag, .fallback = "true", .summary = "f"),
	NULL
};

struct filled {
	struct arena memory;
	struct problems problems;
	struct files files;
	struct node_file file;
	struct thing thing;
	char *text;
	int result;
};

static void fill(struct filled *f, const char *yaml)
{
	static const char *const others[] = { "plugin", NULL };
	struct option_job job = { table, "thing", others, &f->memory,
				  &f->problems, false };
	const struct node *root;

	*f = (struct filled){ 0 };
	files_begin(&f->files);
	f->file = (struct node_file){ .name = "t.yaml", .path = "t.yaml",
				      .folder = f->files.folder };
	root = yaml_parse(&f->file, yaml, strlen(yaml), &f->memory,
			  &f->problems);
	assert_non_null(root);
	f->result = option_fill(&job, root, &f->thing);
	f->text = files_problems(&f->files, &f->problems);
}

static void done(struct filled *f)
{
	free(f->text);
	arena_fini(&f->memory);
	problems_fini(&f->problems);
	files_end(&f->files);
}

static void refused(const char *yaml, const char *problems)
{
	struct filled f;

	fill(&f, yaml);
	assert_string_equal(f.text, problems);
	assert_int_equal(f.result, -1);
	done(&f);
}

static void test_defaults(void **state)
{
	struct filled f;

	(void)state;
	fill(&f, "plugin: x\n");
	assert_string_equal(f.text, "");
	assert_int_equal(f.result, 0);
	assert_null(f.thing.text);
	assert_null(f.thing.key_file);
	assert_string_equal(f.thing.path, "/var/x");
	assert_string_equal(f.thing.list[0], "a");
	assert_string_equal(f.thing.list[1], "b");
	assert_null(f.thing.list[2]);
	assert_int_equal(f.thing.count, 7);
	assert_int_equal(f.thing.room, 1 << 20);
	assert_int_equal(f.thing.wait, 86400000);
	assert_int_equal(f.thing.mode, 2);
	assert_true(f.thing.flag);
	done(&f);
}

static void test_values(void **state)
{
	struct filled f;
	char *path;

	(void)state;
	fill(&f, "text: hello\npath: a/b\nlist: [x]\ncount: 100\nroom: 16K\n"
		 "wait: 30d\nmode: strict\nflag: false\nkey_file: no.key\n");
	assert_string_equal(f.text, "");
	assert_string_equal(f.thing.text, "hello");
	path = memory_format("%s/a/b", f.files.folder);
	assert_string_equal(f.thing.path, path);
	free(path);
	path = memory_format("%s/no.key", f.files.folder);
	assert_string_equal(f.thing.key_file, path);
	free(path);
	assert_string_equal(f.thing.list[0], "x");
	assert_null(f.thing.list[1]);
	assert_int_equal(f.thing.count, 100);
	assert_int_equal(f.thing.room, 16384);
	assert_int_equal(f.thing.wait, INT64_C(2592000000));
	assert_int_equal(f.thing.mode, 0);
	assert_false(f.thing.flag);
	done(&f);
}

static void test_all_errors_at_once(void **state)
{
	(void)state;
	refused("text: x\ncount: 12a\nroom: 1Mx\nwait: 10\nmode: opt\n"
		"flag: yes\nlist: {a: 1}\npth: x\npassword: hush\n"
		"path: [a]\nkey_file:\n",
		"t.yaml:1:7: thing.text: must have 2 to 8 bytes, has 1\n"
		"t.yaml:2:8: thing.count: not a whole number: \"12a\"\n"
		"t.yaml:3:7: thing.room: not a size (64, 16K, 1M, 2G): \"1Mx\"\n"
		"t.yaml:4:7: thing.wait: not a duration (250ms, 10s, 5m, 24h, "
		"30d): \"10\"\n"
		"t.yaml:5:7: thing.mode: not one of strict, optimistic, off "
		"(did you mean \"optimistic\"?): \"opt\"\n"
		"t.yaml:6:7: thing.flag: not true or false: \"yes\"\n"
		"t.yaml:7:7: thing.list: must be a list of texts\n"
		"t.yaml:8:1: thing.pth: unknown key (did you mean \"path\"?)\n"
		"t.yaml:9:1: thing.password: unknown key\n"
		"t.yaml:10:7: thing.path: must be a text, not a list\n"
		"t.yaml:11:10: thing.key_file: has no value\n");
}

static void test_ranges(void **state)
{
	(void)state;
	refused("count: 0\nroom: 3M\nwait: 40d\ntext: ninebytes\n"
		"list: [a, b, c, d]\n",
		"t.yaml:1:8: thing.count: must be 1 to 100: \"0\"\n"
		"t.yaml:2:7: thing.room: must be 1K to 2M: \"3M\"\n"
		"t.yaml:3:7: thing.wait: must be 1s to 30d: \"40d\"\n"
		"t.yaml:4:7: thing.text: must have 2 to 8 bytes, has 9\n"
		"t.yaml:5:7: thing.list: must have 1 to 3 entries, has 4\n");
	refused("count: 99999999999999999999\nroom: -1\nwait: -5s\n",
		"t.yaml:1:8: thing.count: not a whole number: "
		"\"99999999999999999999\"\n"
		"t.yaml:2:7: thing.room: not a size (64, 16K, 1M, 2G): \"-1\"\n"
		"t.yaml:3:7: thing.wait: not a duration (250ms, 10s, 5m, 24h, "
		"30d): \"-5s\"\n");
}

static void test_passwords_in_urls(void **state)
{
	(void)state;
	refused("text: \"amqp://gantry:hush@host/\"\n"
		"list: [\"http://a\", \"postgres://h/d?user=x&password=hush\"]\n",
		"t.yaml:1:7: thing.text: a password must not stand in a URL; "
		"put it into a file and name that by an option that ends in "
		"_file\n"
		"t.yaml:2:7: thing.list: a password must not stand in a URL; "
		"put it into a file and name that by an option that ends in "
		"_file\n");
	assert_false(option_has_password("amqp://gantry@host:5672/"));
	assert_false(option_has_password("http://host:80/a:b@c"));
	assert_false(option_has_password("user:pass@host"));
	assert_true(option_has_password("http://u:p@h"));
	assert_true(option_has_password("http://u:p@x@h/"));
}

/* A file of the folder of f, with a mode; loads yaml that names it. */
static void fill_with_secret(struct filled *f, const char *content, size_t len,
			     mode_t mode)
{
	static const char *const others[] = { NULL };
	struct option_job job = { table, "thing", others, &f->memory,
				  &f->problems, false };
	const char *yaml = "key_file: my.key\n";
	char *path;

	*f = (struct filled){ 0 };
	files_begin(&f->files);
	path = files_write(&f->files, "my.key", content, len);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
	f->file = (struct node_file){ .name = "t.yaml", .path = "t.yaml",
				      .folder = f->files.folder };
	f->result = option_fill(&job,
				yaml_parse(&f->file, yaml, strlen(yaml),
					   &f->memory, &f->problems),
				&f->thing);
	f->text = files_problems(&f->files, &f->problems);
}

static void test_secret_modes(void **state)
{
	static const mode_t good[] = { 0640, 0600, 0400, 0440 };
	static const mode_t bad[] = { 0644, 0660, 0604, 0650, 0700 };
	struct filled f;
	char *expected;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		fill_with_secret(&f, "x", 1, good[i]);
		assert_string_equal(f.text, "");
		done(&f);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		fill_with_secret(&f, "x", 1, bad[i]);
		expected = memory_format(
			"t.yaml:1:11: thing.key_file: FOLDER/my.key has mode "
			"%04o, others could read it; chmod it to 0640 or less\n",
			bad[i]);
		assert_string_equal(f.text, expected);
		free(expected);
		done(&f);
	}
}

static void test_credentials_come_first(void **state)
{
	struct filled f;
	struct files credentials;
	struct arena arena = { 0 };
	char *path;

	(void)state;
	files_begin(&credentials);
	path = files_write(&credentials, "my.key", "x", 1);
	assert_int_equal(chmod(path, 0400), 0);
	setenv("CREDENTIALS_DIRECTORY", credentials.folder, 1);
	fill_with_secret(&f, "y", 1, 0600);
	assert_string_equal(f.thing.key_file, path);
	assert_string_equal(secret_path("other.key", "/f", &arena),
			    "/f/other.key");
	assert_string_equal(secret_path("./my.key", "/f", &arena),
			    "/f/./my.key");
	assert_string_equal(secret_path("/my.key", "/f", &arena), "/my.key");
	unsetenv("CREDENTIALS_DIRECTORY");
	done(&f);
	free(path);
	arena_fini(&arena);
	files_end(&credentials);
}

static void secret_is(const char *content, size_t len, const char *expected)
{
	struct gantry_error err = ERROR_INIT;
	struct filled f;
	size_t n = 0;
	char *secret, *text;

	fill_with_secret(&f, content, len, 0600);
	secret = gantry_secret(f.thing.key_file, &n, &err);
	if (secret == NULL) {
		text = memory_format("%s%s", f.thing.key_file, expected);
		assert_string_equal(err.message, text);
		free(text);
	} else {
		assert_int_equal(n, strlen(expected));
		assert_string_equal(secret, expected);
	}
	gantry_secret_free(&secret, n);
	assert_null(secret);
	done(&f);
}

static void test_secret_content(void **state)
{
	char *large = memory_new(SECRET_MAX_BYTES + 2);

	(void)state;
	memset(large, 'x', SECRET_MAX_BYTES + 1);
	secret_is("hush\n", 5, "hush");
	secret_is("hush\n\n", 6, "hush\n");
	secret_is("hush", 4, "hush");
	secret_is("", 0, " is empty");
	secret_is(large, SECRET_MAX_BYTES + 1,
		  " is larger than 65536 bytes");
	large[SECRET_MAX_BYTES] = '\0';
	secret_is(large, SECRET_MAX_BYTES, large);
	free(large);
}

static void test_secret_refusals(void **state)
{
	struct gantry_error err = ERROR_INIT;
	size_t n;

	(void)state;
	assert_null(gantry_secret("/nonexistent/k", &n, &err));
	assert_string_equal(err.message, "cannot open /nonexistent/k: No such "
					 "file or directory");
	assert_null(gantry_secret("/dev/null", &n, &err));
	assert_string_equal(err.message, "/dev/null is not a regular file");
}

#define ROW(type_, ...)                                     \
	(&(const struct gantry_option){                     \
		.size = sizeof(struct gantry_option),       \
		.type = GANTRY_TYPE_##type_, __VA_ARGS__ })

static void bad_table(const struct gantry_option *row, const char *expected)
{
	const struct gantry_option *const rows[] = { row, NULL };
	struct gantry_error err = ERROR_INIT;

	assert_int_equal(option_table_check(rows, 16, &err), -1);
	assert_string_equal(err.message, expected);
}

static void test_tables_of_others(void **state)
{
	struct gantry_error err = ERROR_INIT;
	const struct gantry_option *const twice[] = {
		ROW(TEXT, .name = "a", .summary = "s"),
		ROW(TEXT, .name = "a", .summary = "s"), NULL
	};

	(void)state;
	assert_int_equal(option_table_check(table, sizeof(struct thing), &err),
			 0);
	assert_int_equal(option_table_check(NULL, 0, &err), 0);
	assert_int_equal(option_table_check(twice, 16, &err), -1);
	assert_string_equal(err.message, "option \"a\" is there twice");
	bad_table(ROW(TEXT, .name = "Bad", .summary = "s"),
		  "option 1 has no name of a-z, 0-9 and _");
	bad_table(ROW(TEXT, .name = "plugin", .summary = "s"),
		  "option \"plugin\" has a name that the core keeps for itself");
	bad_table(ROW(TEXT, .name = "a"), "option \"a\" has no summary");
	bad_table(&(const struct gantry_option){ .name = "a", .summary = "s",
						 .type = 99 },
		  "option \"a\" has a type that does not exist");
	bad_table(ROW(TEXT, .name = "a", .summary = "s", .offset = 16),
		  "option \"a\" lies outside the instance");
	bad_table(ROW(TEXT, .name = "a", .summary = "s", .offset = 12),
		  "option \"a\" lies outside the instance");
	bad_table(ROW(TEXT, .name = "a", .summary = "s", .offset = 4),
		  "option \"a\" is not aligned");
	bad_table(ROW(CHOICE, .name = "a", .summary = "s"),
		  "option \"a\" has no choices");
	bad_table(ROW(INTEGER, .name = "a", .summary = "s", .min = 2, .max = 1),
		  "option \"a\" has a range that is empty");
	bad_table(ROW(INTEGER, .name = "a", .summary = "s", .flags = 8),
		  "option \"a\" has a flag that does not exist");
	bad_table(ROW(INTEGER, .name = "a", .summary = "s", .flags = 1,
		      .fallback = "1"),
		  "option \"a\" is required and has a default");
	bad_table(ROW(DURATION, .name = "a", .summary = "s", .fallback = "1"),
		  "option \"a\" has a default that is no value of it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_all_errors_at_once),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_passwords_in_urls),
		cmocka_unit_test(test_secret_modes),
		cmocka_unit_test(test_credentials_come_first),
		cmocka_unit_test(test_secret_content),
		cmocka_unit_test(test_secret_refusals),
		cmocka_unit_test(test_tables_of_others),
	};

	unsetenv("CREDENTIALS_DIRECTORY");
	return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
