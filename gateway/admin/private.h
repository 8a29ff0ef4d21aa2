/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private - what the files of this folder share.
 *
 *	admin.c		the reading thread, and what every answer has
 *	paths.c		which path and method is what
 *	access.c	who may; site.c: by which name, and from which page
 *	login.c		tickets and sessions (sessions.c)
 *	files.c		the page itself
 *	look.c		what only looks: lists, one letter
 *	audit.c		what operators did; note.c: what is done in memory, into it
 *	running.c	how the gateway is, routes, instances; outbox.c: what waits
 *	guards.c	breakers: their states, and orders to them
 *	logs.c		the level of the log
 *	action.c	actions of the configuration: a message of the source admin
 *	resolve.c	retry, edit, discard: a letter becomes a message again
 *	reload.c	the configuration anew
 */
#ifndef ADMIN_PRIVATE_H
#define ADMIN_PRIVATE_H

#include "gateway/admin/admin.h"
#include "gateway/admin/paths.h"
#include "gateway/admin/sessions.h"
#include "gateway/admin/site.h"
#include "gateway/commit/letters.h"

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
	const char *session;		/* the cookie that was good, or NULL */
	int64_t left_ms;		/* of the session */
	const struct route *route;	/* of an action, or NULL */
};

const struct admin_options *admin_options(const struct admin *admin);
const struct site *admin_site(const struct admin *admin);
struct sessions *admin_sessions(const struct admin *admin);
gid_t admin_group(const struct admin *admin);
/* "http://127.0.0.1:9080", in arena. */
const char *admin_url(const struct admin *admin, struct arena *arena);

/* Answer: with a tree, which is freed; or with m->error as it stands. */
void admin_answer(struct gantry_message *m, json_t *tree);
void admin_refuse(struct gantry_message *m);
/* One header more; name and value live as long as m. */
void admin_header(struct gantry_message *m, const char *name, const char *value);

/*
 * access.c: whether job->m may, with job->actor set, in its arena; false with
 * it answered. right is the role that suffices for this alone.
 */
bool access_check(struct admin *admin, struct admin_job *job, const char *right);
/* A peer of the unix socket alone. */
bool access_check_socket(struct admin *admin, struct admin_job *job);
/* Whether the sender is known and has a role for right, by a token alone;
   answers nothing. */
bool access_is_known(struct gantry_message *m, const char *right);
/* 401 says how to identify oneself, by Bearer if challenge is NULL, but not why a
   token was refused. */
void access_unauthenticated(struct gantry_message *m, const char *challenge,
			    const char *text);
/* The bit of a role that a session may have, 0: there is none; back: NULL
   behind the last. */
unsigned access_role_bit(const char *role);
const char *access_role(unsigned i);

/* note.c: what job has done goes into the audit. */
void admin_note(struct admin *admin, const struct admin_job *job, const char *action,
		const char *object, const char *result);

void admin_wrong_method(struct gantry_message *m, const char *allowed);

/*
 * action.c: whether the path is an action's, job->route then; and carry it, or
 * answer why not. On the loop: nothing of it waits.
 */
bool action_find(const struct gantry_message *m, struct admin_job *job);
void action_run(struct admin *admin, struct admin_job *job);

/* files.c: true with m answered, if it asks for a part of the page. */
bool files_handle(struct gantry_message *m);

/* look.c; audit.c; outbox.c; running.c, at once. */
admin_work look_list, look_causes, look_one, look_audit, look_outbox;
admin_work look_overview, look_routes, look_plugins;
/* look.c: ?limit=; 0 with the request answered. A ref of that name, which leaves
   *ref_out if it is not given; false the same. */
unsigned look_limit(struct gantry_message *m);
bool look_ref(struct gantry_message *m, const char *name, int64_t *ref_out);
/* {success, data, next}; data is freed with it, next may be NULL. */
json_t *look_page(json_t *data, const char *next);

/* login.c and logs.c, at once */
admin_work login_admit, login_begin, login_show, login_end;
admin_work logs_show, logs_change;

/* resolve.c */
admin_work resolve_retry, resolve_edit, resolve_discard;

/* reload.c, at once; answered when it is done */
admin_work reload_ask;

/* guards.c, at once */
admin_work guards_list, guards_open, guards_close, guards_reset;

#endif
