/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private - what the files of this folder share.
 *
 *	admin.c		which path and method is what, and the reading thread
 *	access.c	who may
 *	look.c		what only looks: lists, one letter, the audit
 *	guards.c	breakers: their states, and orders to them
 *	resolve.c	retry, edit, discard: a letter becomes a message again
 *	reload.c	the configuration anew
 */
#ifndef ADMIN_PRIVATE_H
#define ADMIN_PRIVATE_H

#include "gateway/admin/admin.h"
#include "gateway/commit/letters.h"

struct admin_job;

/* On the reading thread, or at once on the loop's; answers the request now, or
   later by the engine. */
typedef void admin_work(struct admin *admin, struct admin_job *job);

/* A request that waits for the storage; in the request's arena. */
struct admin_job {
	struct admin_job *next;
	struct gantry_message *m;	/* the request */
	admin_work *work;
	int64_t ref;			/* of a letter, 0: none */
	const char *name;		/* of a breaker, or NULL */
	const char *actor;		/* "uid 0", or the token's subject */
};

const struct admin_options *admin_options(const struct admin *admin);

/* Answer: with a tree, which is freed; or with m->error as it stands. */
void admin_answer(struct gantry_message *m, json_t *tree);
void admin_refuse(struct gantry_message *m);

/*
 * access.c: the actor, in m's arena; NULL with m answered. right is the role
 * that suffices for this alone.
 */
const char *access_check(gid_t group, struct gantry_message *m, const char *right);

/* look.c */
admin_work look_list, look_causes, look_one, look_audit;

/* resolve.c */
admin_work resolve_retry, resolve_edit, resolve_discard;

/* reload.c, at once; answered when it is done */
admin_work reload_ask;

/* guards.c, at once */
admin_work guards_list, guards_open, guards_close, guards_reset;

#endif
