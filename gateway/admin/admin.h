/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin - the admin API, /admin/api/...: what an operator may see and do.
 *
 *	GET  /admin/api/dead-letters?cause=&queue=&limit=&after=&whole=true
 *	GET  /admin/api/dead-letters/causes	how many there are of each
 *	GET  /admin/api/dead-letters/REF
 *	POST /admin/api/dead-letters/REF/retry
 *	POST /admin/api/dead-letters/REF/edit	the body: the event as it should be
 *	POST /admin/api/dead-letters/REF/discard	{"reason": "..."}
 *	GET  /admin/api/audit?limit=&after=
 *	GET  /admin/api/breakers
 *	POST /admin/api/breakers/NAME/open	{"for": "5m"}, or no body
 *	POST /admin/api/breakers/NAME/close	the same
 *	POST /admin/api/breakers/NAME/reset
 *	POST /admin/api/reload
 *
 * Over TCP a token with the role gantry-admin is needed, or with one that has
 * this right alone: gantry-admin:view, :retry, :edit, :discard,
 * :breakers, :reload (D36). Over the
 * unix socket a peer that is root, this user or in the group gantry. Knows
 * nothing of sockets and libmicrohttpd: source/http hands it complete requests.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "gateway/pipeline/engine.h"
#include "gateway/stock/query.h"
#include "gateway/upstream/breakers.h"

struct admin;

/* All of it must outlive the admin. */
struct admin_options {
	struct engine *engine;
	struct current *graphs;
	struct query_store store;
	/* For POST /admin/api/reload: read the configuration anew, and answer by
	   admin_reloaded() or admin_refused(). Never blocks. NULL: there is none. */
	void (*reload)(void *ctx, struct gantry_message *m, const char *actor);
	void *ctx;
};

/* Starts the thread that reads the storage. Main thread. */
struct admin *admin_new(const struct admin_options *options);
/*
 * Answers what still waits for the storage and joins the thread. What it gave
 * to the engine may still be under way. No listener calls it any more. NULL
 * is fine. Main thread.
 */
void admin_free(struct admin **admin);

/* What became of a reload, by whoever was asked for it: data is freed. */
void admin_reloaded(struct gantry_message *m, json_t *data);
/* The same when it failed; m->error says why. */
void admin_refused(struct gantry_message *m);

/* For struct http_ops. On a loop thread; never blocks. */
void admin_handle(void *admin, struct gantry_message *m);

#endif
