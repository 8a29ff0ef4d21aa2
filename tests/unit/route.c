/* SPDX-License-Identifier: Apache-2.0 */
/* route - the graph of the shipped configuration, and look-ups in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/error.h"
#include "gateway/pipeline/graph.h"

static struct graph *route_graph(void **state)
{
	return *state;
}

static int setup(void **state)
{
	struct problems problems = { 0 };
	struct config *config = config_load(ETCDIR "/gantry.yaml", ETCDIR,
					    &problems);
	static struct plugins *plugins;	/* lives as long as the graph */
	struct graph *graph = NULL;

	plugins = plugins_new(STAND_IN_DIR);
	if (config != NULL)
		graph_build(config, plugins, &problems, &graph);
	problems_print(&problems, stderr);
	problems_fini(&problems);
	config_free(&config);
	*state = graph;
	return graph != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct graph *graph = *state;

	graph_free(&graph);
	return 0;
}

static void test_graph_is_whole(void **state)
{
	struct graph *g = route_graph(state);

	assert_int_equal(g->n_routes, 17);
	assert_int_equal(g->n_instances, 4);
	assert_ptr_equal(g->storage, g->instances[0]);
	assert_string_equal(g->service, "inventory-service");
	assert_string_equal(g->routes[0]->place, "inventory.yaml:8:5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graph_is_whole),
	};

	return cmocka_run_group_tests_name("route", tests, setup, teardown);
}
