/* SPDX-License-Identifier: Apache-2.0 */
/* log - which lines are written: by level, and by a sample of the messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/log.h"

#define MESSAGES 2000

static FILE *written;
static int before;

/* From here on stderr goes into a file. */
static void listen_to(void)
{
	written = tmpfile();
	assert_non_null(written);
	fflush(stderr);
	before = dup(STDERR_FILENO);
	dup2(fileno(written), STDERR_FILENO);
}

/* How many lines have this text; the file is done with by NULL. */
static unsigned lines_with(const char *text)
{
	char line[512];
	unsigned n = 0;

	rewind(written);
	while (fgets(line, sizeof(line), written) != NULL)
		n += strstr(line, text) != NULL;
	return n;
}

static void stop_listening(void)
{
	dup2(before, STDERR_FILENO);
	close(before);
	fclose(written);
}

static void test_all_of_a_message_or_nothing(void **state)
{
	char id[32];
	unsigned n;

	(void)state;
	log_configure(LOG_FORM_JSON, GANTRY_LOG_INFO);
	log_set_sample(25);
	listen_to();
	for (int i = 0; i < MESSAGES; i++) {
		snprintf(id, sizeof(id), "cor_%d", i);
		log_line(GANTRY_LOG_INFO, id, NULL, "begins");
		log_line(GANTRY_LOG_DEBUG, id, NULL, "never");
		log_line(GANTRY_LOG_INFO, id, NULL, "ends");
		log_line(GANTRY_LOG_WARNING, id, NULL, "odd");
		log_info("of nobody");
	}
	n = lines_with("begins");
	assert_in_range(n, MESSAGES / 4 - 150, MESSAGES / 4 + 150);
	assert_int_equal(lines_with("ends"), n);
	assert_int_equal(lines_with("never"), 0);
	assert_int_equal(lines_with("odd"), MESSAGES);
	assert_int_equal(lines_with("of nobody"), MESSAGES);
	for (int i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "\"cor_%d\"", i);
		n = lines_with(id);
		assert_true(n == 1 || n == 3);
	}
	stop_listening();
}

static void test_none_and_all(void **state)
{
	(void)state;
	listen_to();
	log_set_sample(0);
	log_line(GANTRY_LOG_INFO, "cor_1", NULL, "a line");
	assert_int_equal(lines_with("a line"), 0);
	log_set_sample(100);
	log_line(GANTRY_LOG_INFO, "cor_1", NULL, "a line");
	assert_int_equal(lines_with("a line"), 1);
	stop_listening();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_a_message_or_nothing),
		cmocka_unit_test(test_none_and_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
