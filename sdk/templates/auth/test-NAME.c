/* SPDX-License-Identifier: Apache-2.0 */
/* @NAME@ in the test host, without a daemon. */
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
#include <gantry/testhost.h>

#define SECRET "0123456789abcdef"

static char file[] = "/tmp/@NAME@-XXXXXX";
static struct testhost *host;

/* A secret that others could read is refused, so it has its mode first. */
static struct testhost *open_with(const char *secret, struct gantry_error *err)
{
	char option[64];
	const char *const options[] = { option, "role=reader", NULL };
	FILE *f;
	int fd;

	strcpy(strrchr(file, '-'), "-XXXXXX");
	fd = mkstemp(file);
	assert_true(fd >= 0 && fchmod(fd, 0600) == 0);
	f = fdopen(fd, "w");
	fputs(secret, f);
	fclose(f);
	snprintf(option, sizeof(option), "secret_file=%s", file);
	return testhost_open(&TESTHOST(.plugin = "./@NAME@.so",
				       .options = options), err);
}

static int open_host(void **state)
{
	(void)state;
	host = open_with(SECRET, NULL);
	return host != NULL ? 0 : -1;
}

static int close_host(void **state)
{
	(void)state;
	testhost_close(&host);
	return unlink(file);
}

static struct testhost_sender who(const char *headers)
{
	struct testhost_sender sender;

	testhost_authenticate(host, &TESTHOST_MESSAGE(.headers = headers), &sender);
	return sender;
}

static void test_knows_the_secret(void **state)
{
	struct testhost_sender sender = who("X-Secret=" SECRET);

	(void)state;
	assert_int_equal(sender.access, GANTRY_ACCESS_GRANTED);
	assert_string_equal(sender.subject, "@NAME@");
	assert_string_equal(sender.roles, "reader");
}

static void test_no_other(void **state)
{
	static const char *const wrong[] = {
		"X-Secret=", "X-Secret=0123456789abcdeF", "X-Secret=0123456789abcde",
		"X-Secret=0123456789abcdef0", "X-Secret=" SECRET "&X-Secret=" SECRET,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct testhost_sender sender = who(wrong[i]);

		assert_int_equal(sender.access, GANTRY_ACCESS_DENIED);
		assert_string_equal(sender.message, "the secret is wrong");
	}
}

/* Then another auth instance of the route may know the sender. */
static void test_leaves_others_to_others(void **state)
{
	(void)state;
	assert_int_equal(who("Authorization=Bearer x").access, GANTRY_ACCESS_DEFERRED);
}

static void test_a_short_secret_is_refused(void **state)
{
	(void)state;
	assert_null(open_with("short", NULL));
	unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_knows_the_secret, open_host,
						close_host),
		cmocka_unit_test_setup_teardown(test_no_other, open_host, close_host),
		cmocka_unit_test_setup_teardown(test_leaves_others_to_others,
						open_host, close_host),
		cmocka_unit_test(test_a_short_secret_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
