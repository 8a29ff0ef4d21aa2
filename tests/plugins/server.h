/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - a PostgreSQL for a test, started and steered through
 * tests/system/postgres/serve.py, which says what it understands.
 */
#ifndef TESTS_SERVER_H
#define TESTS_SERVER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct server {
	pid_t pid;
	FILE *to, *from;
	char answer[1000];	/* of the last command, without "ok " */
};

/* False: there is none on this machine, and answer says why. */
bool server_start(struct server *s);
/* A command, printf's way; its answer. An error ends the program. */
const char *server_do(struct server *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void server_end(struct server *s);

#endif
