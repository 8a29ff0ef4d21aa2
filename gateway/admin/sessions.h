/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sessions - tickets of "gantry admin login" and the sessions that they become
 * (D36). In memory alone: a restart ends them all.
 *
 * A ticket is good once, for a minute; a session for eight hours. Both are 256
 * random bits, of which only the SHA-256 is kept. There is room for a few: a new
 * one takes the place of the one that ends first. Any thread; time is an
 * argument, of a clock that never steps.
 */
#ifndef ADMIN_SESSIONS_H
#define ADMIN_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/digest.h"

#define SESSIONS_TICKETS 16
#define SESSIONS_MAX 64
#define SESSIONS_TICKET_MS (INT64_C(60) * 1000)
#define SESSIONS_MS (INT64_C(8) * 3600 * 1000)

struct sessions_who {
	char actor[64];			/* "uid 0" */
	unsigned roles;			/* bits, of access.c's table */
};

struct sessions;

struct sessions *sessions_new(void);
void sessions_free(struct sessions **sessions);

/* A ticket for who; its text goes to nobody else. */
void sessions_admit(struct sessions *s, const struct sessions_who *who, int64_t now_ms,
		    char ticket_out[static DIGEST_SECRET]);
/* A ticket becomes a session. False: there is no such ticket any more. */
bool sessions_begin(struct sessions *s, const char *ticket, int64_t now_ms,
		    char session_out[static DIGEST_SECRET]);
/* Who has it, and how long it lasts still. */
bool sessions_find(struct sessions *s, const char *session, int64_t now_ms,
		   struct sessions_who *out, int64_t *left_ms_out);
void sessions_end(struct sessions *s, const char *session);

#endif
