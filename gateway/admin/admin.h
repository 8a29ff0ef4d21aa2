/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin - the admin page, /admin/, and the API that it lives by, /admin/api/...:
 * what an operator may see and do. paths.c has the table of the API.
 *
 *	GET  /overview		{status, checks, service, replica, version, ...}
 *	GET  /routes		routes: source, address, auth, roles, steps; and
 *				instances, exchanges and upstreams beside them
 *	GET  /plugins		instances: plugin, version, options; no secret
 *	GET  /outbox?limit=&after=	{rows, oldestAt, warn, full, events}
 *	GET  /dead-letters?cause=&queue=&limit=&after=&whole=true
 *	GET  /dead-letters/causes	how many there are of each
 *	GET  /dead-letters/REF
 *	POST /dead-letters/REF/retry
 *	POST /dead-letters/REF/edit	the body: the event as it should be;
 *				?check=true: only looks whether it could be
 *	POST /dead-letters/REF/discard	{"reason": "..."}
 *	GET  /audit?limit=&after=, or ?newest=true&limit=&before=
 *	GET  /breakers
 *	POST /breakers/NAME/open	{"for": "5m"}, or no body
 *	POST /breakers/NAME/close	the same
 *	POST /breakers/NAME/reset
 *	GET  /log-level, POST /log-level	{"level": "debug", "sample": 10}, or one
 *	POST /reload		read the configuration anew
 *	POST /login		{"roles": [...]}; over the socket: a ticket
 *	POST /session		{"ticket": "..."}: a cookie
 *	GET  /session, DELETE /session
 *	POST /actions/NAME	the route {admin: NAME, ...}; body and answer are its
 *				pipeline's
 *	GET  /A/B		the action A.B if its right is view, such as
 *				reconcile/runs, see gantry-reconcile(7)
 *
 * Over TCP a session or a token with the role gantry-admin is needed, or with one
 * that has this right alone: gantry-admin:view, :retry, :edit, :discard,
 * :breakers, :log, :reload (D36). Over the unix socket a peer that is root, this user or
 * in the group gantry. Who is called by a name that is not ours is refused, and
 * so is a page of others. Knows nothing of sockets and libmicrohttpd: source/http
 * hands it complete requests.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "gateway/pipeline/engine.h"
#include "gateway/stock/query.h"
#include "gateway/upstream/breakers.h"

#define ADMIN_HEADERS 7
/* What keeps browsers from mischief: with every answer of the listener. */
extern const struct message_pair admin_headers[ADMIN_HEADERS];

struct admin;
struct config_admin;
struct status;

/* All of it must outlive the admin, but for site, which is copied. */
struct admin_options {
	struct engine *engine;
	struct current *graphs;
	struct query_store store;
	struct status *status;		/* how the floors below are */
	const struct config_admin *site;	/* of the listener */
	const char *service, *replica;
	const char *const *exchanges;	/* that events go to; NULL: no broker */
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

/* The port that it got, if the configuration left it open. */
void admin_listens(struct admin *admin, unsigned port);
/* What became of a reload, by whoever was asked for it, into the audit, too: data is
   freed. */
void admin_reloaded(struct admin *admin, struct gantry_message *m, json_t *data);
/* The same when it failed; m->error says why. admin NULL: it was not tried. */
void admin_refused(struct admin *admin, struct gantry_message *m);

/* For struct http_ops. On a loop thread; never blocks. */
void admin_handle(void *admin, struct gantry_message *m);

/* For struct http_page of the API's listener, with a struct status as its ctx: how
   the integration is (D30). */
#define ADMIN_HEALTH "/health/integration/order-service"
void admin_health(void *status, struct gantry_message *m);

#endif
