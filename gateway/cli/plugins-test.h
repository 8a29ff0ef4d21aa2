/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugins-test - "gantry plugins test-storage": the conformance kit on a
 * storage plugin that is told its options by --set.
 */
#ifndef CLI_PLUGINS_TEST_H
#define CLI_PLUGINS_TEST_H

#include "gateway/cli/sets.h"
#include "gateway/plugin/plugins.h"

struct plugins_test_options {
	const char *plugin;	/* a short name or a path */
	struct sets sets;
	const char *only;	/* checks whose names begin so, or NULL */
	const char *disturb;	/* a command, or NULL */
	uint64_t seed;		/* 0: by the clock */
	unsigned effort;	/* 0: the usual */
	bool json;
};

/* 0 all holds, 1 something does not or the plugin cannot be loaded, 2 usage. */
int plugins_test_run(struct plugins *plugins, const struct plugins_test_options *o);

#endif
