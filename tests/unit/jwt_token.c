/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt_token - the command "gantry token" with the plugin that was built,
 * loaded as the program loads it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <gantry/plugin.h>

#include "gateway/base/memory.h"
#include "gateway/cli/token.h"

#define SECRET "0123456789abcdef0123456789abcdef"

struct fixture {
	char folder[64];
	char key[96], other[96], short_key[96];
	char out[10000], errors[10000];
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0600);
}

static int setup(void **state)
{
	struct fixture *f = memory_new(sizeof(*f));

	strcpy(f->folder, "/tmp/gantry-unit-token-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->key, sizeof(f->key), "%s/key", f->folder);
	snprintf(f->other, sizeof(f->other), "%s/other.jwk", f->folder);
	snprintf(f->short_key, sizeof(f->short_key), "%s/short", f->folder);
	write_file(f->key, SECRET "\n");
	write_file(f->other, "{\"kty\":\"oct\"}");
	write_file(f->short_key, "short");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->key);
	unlink(f->other);
	unlink(f->short_key);
	rmdir(f->folder);
	free(f);
	return 0;
}

static int redirect(FILE *stream, FILE *to)
{
	int saved = dup(fileno(stream));

	fflush(stream);
	assert_true(dup2(fileno(to), fileno(stream)) >= 0);
	return saved;
}

static void restore(FILE *stream, int saved, FILE *from, char out[static 10000])
{
	size_t n;

	fflush(stream);
	assert_true(dup2(saved, fileno(stream)) >= 0);
	close(saved);
	rewind(from);
	n = fread(out, 1, 9999, from);
	out[n] = '\0';
	fclose(from);
}

/* Runs "gantry token" with these words; its output is in f. */
static int run(struct fixture *f, const char *command, ...)
{
	char *argv[40] = { (char *)"token", (char *)command };
	FILE *out = tmpfile(), *errors = tmpfile();
	int saved_out, saved_errors, argc = command == NULL ? 1 : 2, status;
	va_list ap;

	va_start(ap, command);
	while (command != NULL && (argv[argc] = va_arg(ap, char *)) != NULL)
		argc++;
	va_end(ap);
	assert_in_range(argc, 1, 38);
	saved_out = redirect(stdout, out);
	saved_errors = redirect(stderr, errors);
	status = token_main(argc, argv);
	restore(stderr, saved_errors, errors, f->errors);
	restore(stdout, saved_out, out, f->out);
	return status;
}

#define PLUGIN "--plugin", PLUGIN_BUILT
#define MINT PLUGIN, "--algorithm", "HS256", "--issuer", "shop", "--audience", "inv"
#define VERIFY PLUGIN, "--algorithm", "HS256", "--jwk"

static char *mint(struct fixture *f)
{
	if (run(f, "mint", MINT, "--key", f->key, "--role", "a", "--role", "b",
		"--subject", "me", "--ttl", "10m", "--kid", "k", NULL) != 0)
		fail_msg("%s", f->errors);
	assert_string_equal(f->errors, "");
	assert_int_equal(f->out[strlen(f->out) - 1], '\n');
	return memory_text_n(f->out, strlen(f->out) - 1);
}

static void test_mint_and_verify(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *token = mint(f);

	assert_int_equal(run(f, "verify", VERIFY, f->key, "--issuer", "shop",
			     "--audience", "inv", token, NULL), 0);
	assert_string_equal(f->out, "valid\n");
	assert_int_equal(run(f, "verify", VERIFY, f->key, token, NULL), 0);
	assert_string_equal(f->out, "valid\n");
}

static void test_verify_says_why(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *token = mint(f);

	assert_int_equal(run(f, "verify", VERIFY, f->key, "--audience", "in",
			     token, NULL), 1);
	assert_string_equal(f->out, "invalid: claims: aud is another audience\n");
	assert_int_equal(run(f, "verify", VERIFY, f->key, "--signature-only",
			     "--audience", "in", token, NULL), 0);
	assert_int_equal(run(f, "verify", VERIFY, f->other, token, NULL), 1);
	assert_string_equal(f->out, "invalid: JWK: \"k\" is missing\n");
	/* a letter that is another one, and base64url still */
	token[strlen(token) - 9] = token[strlen(token) - 9] == 'A' ? 'B' : 'A';
	assert_int_equal(run(f, "verify", VERIFY, f->key, token, NULL), 1);
	assert_string_equal(f->out, "invalid: signature: wrong\n");
	assert_int_equal(run(f, "verify", VERIFY, f->key, "", NULL), 1);
	assert_string_equal(f->out, "invalid: token: not three parts\n");
}

static void test_failures(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *why = memory_format(
		"gantry token: %s: raw: an HMAC secret of 5 bytes; at least 32 are needed\n",
		f->short_key);

	assert_int_equal(run(f, "mint", MINT, "--key", f->short_key, NULL), 1);
	assert_string_equal(f->errors, why);
	assert_string_equal(f->out, "");
	assert_int_equal(run(f, "mint", MINT, "--key", "/nowhere", NULL), 2);
	assert_string_equal(f->errors,
			    "gantry token: /nowhere: No such file or directory\n");
	assert_int_equal(run(f, "verify", PLUGIN, "--jwk", "/nowhere", "t", NULL), 2);
	assert_string_equal(f->errors,
			    "gantry token: /nowhere: No such file or directory\n");
	assert_int_equal(run(f, "mint", MINT, "--key", f->key, "--role",
			     "\xff", NULL), 2);
	assert_string_equal(f->errors,
			    "gantry token: mint: not UTF-8\nTry \"gantry token --help\".\n");
	assert_int_equal(run(f, "mint", MINT, "--key", f->key, "--plugin",
			     "/nowhere.so", NULL), 2);
	assert_non_null(strstr(f->errors, "/nowhere.so: cannot open: No such file or directory"));
}

static void usage(struct fixture *f, const char *why)
{
	AUTO_FREE char *all = memory_format(
		"gantry token: %s\nTry \"gantry token --help\".\n", why);

	assert_string_equal(f->errors, all);
	assert_string_equal(f->out, "");
}

static void test_usage(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, NULL), 2);
	usage(f, "mint or verify?");
	assert_int_equal(run(f, "make", NULL), 2);
	usage(f, "unknown command: \"make\"");
	assert_int_equal(run(f, "mint", "--key", "x", NULL), 2);
	usage(f, "mint: --issuer is missing");
	assert_int_equal(run(f, "mint", MINT, NULL), 2);
	usage(f, "mint: --key is missing");
	assert_int_equal(run(f, "mint", MINT, "--key", "x", "y", NULL), 2);
	usage(f, "mint: too many arguments: \"y\"");
	assert_int_equal(run(f, "mint", "--ttl", "1x", NULL), 2);
	usage(f, "--ttl: not a duration up to 31536000s: \"1x\"");
	assert_int_equal(run(f, "mint", MINT, "--key", "x", "--ttl", "1ms", NULL), 2);
	usage(f, "--ttl: shorter than 1s");
	assert_int_equal(run(f, "verify", "x", NULL), 2);
	usage(f, "verify: --jwk is missing");
	assert_int_equal(run(f, "verify", "--jwk", "x", NULL), 2);
	usage(f, "verify: one TOKEN is needed");
	assert_int_equal(run(f, "verify", "--leeway", "61s", NULL), 2);
	usage(f, "--leeway: not a duration up to 60s: \"61s\"");
	assert_int_equal(run(f, "verify", "--bad", NULL), 2);
	usage(f, "unrecognized option '--bad'");
}

static void test_help(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "--help", NULL), 0);
	assert_int_equal(strncmp(f->out, "Usage: gantry token mint ", 25), 0);
	assert_int_equal(run(f, "mint", "--help", NULL), 0);
	assert_non_null(strstr(f->out, "\n  --kid NAME "));
	assert_int_equal(run(f, "verify", "--help", NULL), 0);
	assert_non_null(strstr(f->out, "\n  --signature-only "));
	assert_string_equal(f->errors, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mint_and_verify),
		cmocka_unit_test(test_verify_says_why),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests_name("jwt_token", tests, setup, teardown);
}
