/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pg - a database and a storage of the plugin postgres for each test, worked on
 * through the conformance kit; the server is one for all.
 */
#ifndef TESTS_PG_H
#define TESTS_PG_H

#include "gateway/conform/kit.h"
#include "tests/plugins/server.h"
#include "tests/plugins/store.h"

struct pg {
	struct server *server;
	char conninfo[200], database[64], option[300];
	char where[100];		/* how messages begin */
	const char *options[6];		/* [0] is the conninfo */
	struct store store;
	struct conform_ops ops;
	struct kit kit;
};

/* cmocka's, for the whole group: state is a struct server, or NULL. */
int pg_server_new(void **state);
int pg_server_free(void **state);
/* cmocka's set-up and tear-down: state is a struct pg. */
int pg_new(void **state);
int pg_free(void **state);

/* A new database instead of the one so far. */
void pg_database(struct pg *p, const char *options);
/* The storage is to use this conninfo from now on. */
void pg_conninfo(struct pg *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* From now on by a proxy, which the server's commands steer. */
void pg_through_proxy(struct pg *p);
/* As superuser in the database; the first value. */
const char *pg_sql(struct pg *p, const char *sql);
/* Opens with the kit's old schema, or ends the test. */
void pg_open(struct pg *p);
/* prepare refuses; the message is where and then this. */
void pg_refused(struct pg *p, const struct gantry_schema *schema,
		const char *wanted);
/* One unit with one holder of this ref; the answer. */
enum gantry_stored pg_holder(struct pg *p, int64_t ref);
/* The same up to before commit. */
void *pg_begun(struct pg *p, int64_t ref);

#endif
