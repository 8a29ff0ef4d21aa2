/* SPDX-License-Identifier: Apache-2.0 */
/* config_routes - what routes may say, and what is wrong in their words. */
#include "tests/unit/config_files.h"

#define STORAGE "storage: {plugin: sqlite, path: /x}\n"

/* One route, as the only thing that can be wrong. */
static void route_expect(const char *route, const char *expected)
{
	char *yaml = memory_format(STORAGE "routes:\n  - %s\n", route);

	files_expect(yaml, expected);
	free(yaml);
}

static void test_routes_deny_by_default(void **state)
{
	(void)state;
	route_expect("{http: \"GET /x\", pipeline: [a.b]}",
		     "gantry.yaml:3:5: routes[0].auth: missing; name an entry "
		     "of auth, or say none if everybody may come in\n");
	route_expect("{http: \"GET /x\", auth: a, pipeline: [a.b]}",
		     "gantry.yaml:3:5: routes[0].roles: missing; say which "
		     "roles may come in\n");
	route_expect("{http: \"GET /x\", auth: none, roles: [r], pipeline: "
		     "[a.b]}",
		     "gantry.yaml:3:34: routes[0].roles: nobody has a role "
		     "without auth\n");
	route_expect("{http: \"GET /x\", auth: [], roles: [r], pipeline: [a.b]}",
		     "gantry.yaml:3:28: routes[0].auth: must be names of auth "
		     "entries\n");
	route_expect("{http: \"GET /x\", auth: [a], roles: [], pipeline: [a.b]}",
		     "gantry.yaml:3:40: routes[0].roles: must be a list of "
		     "roles\n");
	route_expect("{http: \"GET /x\", auth: none, pipeline: [a.b]}", "");
	route_expect("{http: \"GET /x\", auth: [a, b], roles: r, pipeline: a.b}",
		     "");
}

static void test_routes_sources(void **state)
{
	(void)state;
	route_expect("nothing",
		     "gantry.yaml:3:5: routes[0]: must be a mapping\n");
	route_expect("{pipeline: [a.b]}",
		     "gantry.yaml:3:5: routes[0]: no source: http, amqp, every "
		     "or admin\n");
	route_expect("{every: 1s, admin: x, pipeline: [a.b]}",
		     "gantry.yaml:3:17: routes[0]: both every and admin; a "
		     "route has one source\n");
	route_expect("{every: 1s, auth: none, pipelin: [a.b]}",
		     "gantry.yaml:3:5: routes[0].pipeline: missing\n"
		     "gantry.yaml:3:17: routes[0].auth: unknown key\n"
		     "gantry.yaml:3:29: routes[0].pipelin: unknown key (did "
		     "you mean \"pipeline\"?)\n");
	route_expect("{every: 10, pipeline: [a.b]}",
		     "gantry.yaml:3:13: routes[0].every: must be a duration of "
		     "100ms to 31d\n");
	route_expect("{every: 1ms, pipeline: [a.b]}",
		     "gantry.yaml:3:13: routes[0].every: must be a duration of "
		     "100ms to 31d\n");
	route_expect("{admin: [], pipeline: [a.b]}",
		     "gantry.yaml:3:13: routes[0].admin: must be the name of "
		     "an action\n");
	route_expect("{admin: x, right: all, pipeline: [a.b]}",
		     "gantry.yaml:3:23: routes[0].right: must be view or edit\n");
	route_expect("{every: 1s, right: view, pipeline: [a.b]}",
		     "gantry.yaml:3:17: routes[0].right: unknown key\n");
	route_expect("{admin: x, pipeline: []}",
		     "gantry.yaml:3:26: routes[0].pipeline: must be a list of "
		     "instance.handler\n");
}

#define OPEN "auth: none, pipeline: [a.b]}"

static void test_routes_http(void **state)
{
	(void)state;
	route_expect("{http: \"FETCH /x\", " OPEN,
		     "gantry.yaml:3:12: routes[0].http: must be GET, POST, PUT, "
		     "PATCH or DELETE, a space and a path: \"FETCH /x\"\n");
	route_expect("{http: GET, " OPEN,
		     "gantry.yaml:3:12: routes[0].http: must be GET, POST, PUT, "
		     "PATCH or DELETE, a space and a path: \"GET\"\n");
	route_expect("{http: GET x, " OPEN,
		     "gantry.yaml:3:12: routes[0].http: the path must begin "
		     "with /: \"GET x\"\n");
	route_expect("{http: GET //x, " OPEN,
		     "gantry.yaml:3:12: routes[0].http: a part of the path is "
		     "empty, or neither plain text nor {name}: \"GET //x\"\n");
	route_expect("{http: \"GET /x{id}\", " OPEN,
		     "gantry.yaml:3:12: routes[0].http: a part of the path is "
		     "empty, or neither plain text nor {name}: \"GET "
		     "/x{id}\"\n");
	route_expect("{http: \"GET /{a}/{a}\", " OPEN,
		     "gantry.yaml:3:12: routes[0].http: a parameter is there "
		     "twice: \"GET /{a}/{a}\"\n");
	route_expect("{http: \"GET /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7\", " OPEN,
		     "gantry.yaml:3:12: routes[0].http: more than 16 parts or "
		     "8 parameters: \"GET /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7\"\n");
	route_expect("{http: GET /, " OPEN, "");
	route_expect("{http: \"GET /{a}/{ab}/{b}\", " OPEN, "");
}

static void test_routes_inject(void **state)
{
	(void)state;
	route_expect("{http: \"POST /e/{exchange}/{routingKey}\", auth: none, "
		     "inject: amqp}", "");
	route_expect("{http: \"POST /e/{exchange}/{key}\", auth: none, "
		     "inject: amqp}", "gantry.yaml:3:60: routes[0].inject: "
		     "needs POST and a path with {exchange} and {routingKey}\n");
	route_expect("{http: POST /e, inject: http, " OPEN,
		     "gantry.yaml:3:29: routes[0].inject: must be amqp\n"
		     "gantry.yaml:3:47: routes[0].pipeline: the amqp routes "
		     "have the pipelines; leave it out beside inject\n");
}

static void test_routes_amqp(void **state)
{
	(void)state;
	route_expect("{amqp: q, pipeline: [a.b]}",
		     "gantry.yaml:3:12: routes[0].amqp: must be a mapping of "
		     "queue and bind\n");
	route_expect("{amqp: {bind: {e: [k]}}, pipeline: [a.b]}",
		     "gantry.yaml:3:12: routes[0].amqp.queue: must be a name of "
		     "at most 255 bytes\n");
	route_expect("{amqp: {queue: q}, pipeline: [a.b]}",
		     "gantry.yaml:3:12: routes[0].amqp.bind: must be a mapping "
		     "of exchanges to routing keys\n");
	route_expect("{amqp: {queue: q, bind: {e: k}}, pipeline: [a.b]}",
		     "gantry.yaml:3:33: routes[0].amqp.bind: must be a list of "
		     "routing keys for each exchange\n");
	route_expect("{amqp: {queue: q, bind: {e: [a.x*]}}, pipeline: [a.b]}",
		     "gantry.yaml:3:34: routes[0].amqp.bind: * and # stand for "
		     "whole words: \"a.x*\"\n");
	route_expect("{amqp: {queue: q, bind: {e: [k, k]}}, pipeline: [a.b]}",
		     "gantry.yaml:3:37: routes[0].amqp.bind: the same binding "
		     "twice: \"k\"\n");
	route_expect("{amqp: {queue: q, bnd: 1, bind: {e: ['a.*', '#']}}, "
		     "pipeline: [a.b]}",
		     "gantry.yaml:3:23: routes[0].amqp.bnd: unknown key (did "
		     "you mean \"bind\"?)\n");
	route_expect("{amqp: {queue: amq.q, bind: {e: [k]}}, pipeline: [a.b]}",
		     "gantry.yaml:3:20: routes[0].amqp.queue: names that begin "
		     "with amq. are the broker's own: \"amq.q\"\n");
	route_expect("{amqp: {queue: q.dead, bind: {e: [k]}}, pipeline: [a.b]}",
		     "gantry.yaml:3:20: routes[0].amqp.queue: names with "
		     ".retry. in them or .dead at the end are the gateway's "
		     "own: \"q.dead\"\n");
	route_expect("{amqp: {queue: q.retry.1s, bind: {e: [k]}}, "
		     "pipeline: [a.b]}",
		     "gantry.yaml:3:20: routes[0].amqp.queue: names with "
		     ".retry. in them or .dead at the end are the gateway's "
		     "own: \"q.retry.1s\"\n");
	route_expect("{amqp: {queue: \"a\\tb\", bind: {e: [k]}}, "
		     "pipeline: [a.b]}",
		     "gantry.yaml:3:20: routes[0].amqp.queue: must be a name of "
		     "at most 255 bytes\n");
	route_expect("{amqp: {queue: q, bind: {\"e\\n\": [k]}}, "
		     "pipeline: [a.b]}",
		     "gantry.yaml:3:30: routes[0].amqp.bind: an exchange must "
		     "have a name of at most 255 bytes\n");
	route_expect("{amqp: {queue: q.deadly, bind: {e: [k]}}, "
		     "pipeline: [a.b]}", "");
}

static void test_routes_twice_in_a_file(void **state)
{
	(void)state;
	files_expect(STORAGE
		     "routes:\n"
		     "- {http: \"GET /x/{a}\", auth: none, pipeline: [a.b]}\n"
		     "- {http: \"GET /x/{b}\", auth: none, pipeline: [a.c]}\n"
		     "- {every: 1s, pipeline: [a.b]}\n"
		     "- {every: 1s, pipeline: [a.c]}\n"
		     "- {every: 2s, pipeline: [a.b]}\n"
		     "- {admin: x, pipeline: [a.b]}\n"
		     "- {admin: x, pipeline: [a.b]}\n",
		     "gantry.yaml:4:3: routes[1]: GET /x/{b} is in line 3 "
		     "already\n"
		     "gantry.yaml:7:3: routes[4]: every 2s is in line 5 "
		     "already\n"
		     "gantry.yaml:9:3: routes[6]: admin x is in line 8 "
		     "already\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes_deny_by_default),
		cmocka_unit_test(test_routes_sources),
		cmocka_unit_test(test_routes_http),
		cmocka_unit_test(test_routes_inject),
		cmocka_unit_test(test_routes_amqp),
		cmocka_unit_test(test_routes_twice_in_a_file),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
