/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - a folder and a storage of the plugin sqlite for each test, worked on
 * through the conformance kit.
 */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include "gateway/conform/kit.h"
#include "tests/plugins/store.h"

struct bench {
	char folder[32], path[64], option[80];
	const char *options[4];
	struct store store;
	struct conform_ops ops;
	struct kit kit;
	/* of a backup */
	char copy_option[100];
	const char *copy_options[2];
	struct store copy;
};

/* cmocka's set-up and tear-down: state is a struct bench. */
int bench_new(void **state);
int bench_free(void **state);

/* Opens with the kit's old schema, or ends the test. */
void bench_open(struct bench *b);
/* One unit with a holder whose note has 100 KB. */
enum gantry_stored bench_big(struct bench *b, int64_t ref);

#endif
