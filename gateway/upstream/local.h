/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local - asks the daemon on this machine over its unix socket, one request
 * after the other, and waits. For the command line only: the daemon itself
 * never waits like this.
 */
#ifndef UPSTREAM_LOCAL_H
#define UPSTREAM_LOCAL_H

#include <jansson.h>

struct gantry_error;
struct local;

struct local_answer {
	int status;			/* HTTP */
	json_t *body;			/* to be freed; NULL: it was no JSON */
};

/*
 * Look whether somebody listens at path. NULL with err, which says what to do
 * about it. One thread.
 */
struct local *local_open(const char *path, struct gantry_error *err);
void local_close(struct local **local);

/*
 * body of len bytes is JSON, or NULL. 0 whatever the status is; -1 with err
 * if there was no answer within a minute, or more than 16 MiB of it.
 */
int local_ask(struct local *local, const char *method, const char *target,
	      const char *body, size_t len, struct local_answer *out,
	      struct gantry_error *err);

/* The answer as it came, until the next one is asked for; no NUL behind it. */
const char *local_bytes(const struct local *local, size_t *len_out);

/* Percent-encoded, to be freed. */
char *local_escape(struct local *local, const char *text);

#endif
