/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site - the listener as browsers see it: by which names it may be called, and
 * whether a request comes from its own page. Pure.
 */
#ifndef ADMIN_SITE_H
#define ADMIN_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/arena.h"

struct config_admin;
struct gantry_message;

struct site {
	struct arena arena;
	const char *listen;		/* the host of it, without brackets */
	bool any;			/* it listens on all addresses */
	bool tls;
	int64_t port;			/* as configured */
	const char *const *hosts;	/* more names, or NULL */
};

/* Copies what it needs. */
void site_init(struct site *site, const struct config_admin *config);
void site_fini(struct site *site);

/* Whether we are called by a name that is ours: a page of others whose name was
   turned to our address is told nothing. */
bool site_is_ours(const struct site *site, const char *host);

/*
 * Whether a request that changes something can only be our own page's: it has
 * the header that a form cannot send, and an Origin that is our own.
 */
bool site_is_own_page(const struct site *site, const struct gantry_message *m);
/* The same of one that only reads: no other page fetched or embedded it. */
bool site_is_fetched_by_others(const struct gantry_message *m);

/* "gantry-session-9080": ports share their cookies. In m's arena. */
const char *site_cookie_name(struct gantry_message *m);
/* Its value, or NULL. In m's arena. */
const char *site_cookie(struct gantry_message *m);
/* Whether a cookie may go over TLS alone. */
bool site_is_secure(const struct site *site, const struct gantry_message *m);

/* Where a person finds the page: "http://127.0.0.1:9080". In arena; port 0: the
   configured one. */
const char *site_url(const struct site *site, unsigned port, struct arena *arena);

#endif
