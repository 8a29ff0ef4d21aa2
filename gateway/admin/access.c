/* SPDX-License-Identifier: Apache-2.0 */
/* access - who may use the admin API; when in doubt, nobody. */
#include <string.h>
#include <unistd.h>

#include "gateway/admin/private.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/source/http/http.h"

#define ACCESS_ROLE "gantry-admin"

static const char *access_peer(gid_t group, struct gantry_message *m, uid_t uid,
			       gid_t gid)
{
	if (uid == 0 || uid == geteuid() ||
	    (group != (gid_t)-1 && (gid == group || http_peer_is_in(m, group))))
		return arena_format(&m->arena, "uid %lu", (unsigned long)uid);
	error_set(&m->error, "FORBIDDEN",
		  "Only root and members of the group gantry may do this");
	admin_refuse(m);
	return NULL;
}

/* 401 says how to identify oneself, but not why the token was refused. */
static void access_unauthenticated(struct gantry_message *m, const char *challenge)
{
	struct message_pair *header = arena_alloc(&m->arena, sizeof(*header));

	error_reset(&m->error);
	error_set(&m->error, "UNAUTHENTICATED", "A valid token is needed");
	message_correlate(m);
	envelope_fail(m, GANTRY_REJECTED);
	*header = (struct message_pair){ "WWW-Authenticate",
					 challenge != NULL ? challenge : "Bearer" };
	m->answer.headers = header;
	m->answer.n_headers = 1;
	m->home->answer(m);
}

/* Every auth of the configuration, in its order; the first that knows. */
static bool access_authenticate(const struct graph *graph, struct gantry_message *m,
				const char **challenge)
{
	for (unsigned i = 0; i < graph->n_instances; i++) {
		struct gantry_instance *instance = graph->instances[i];
		const struct gantry_auth *auth = instance->plugin->auth;
		enum gantry_access access;

		if (auth == NULL)
			continue;
		if (*challenge == NULL)
			*challenge = auth->challenge;
		access = auth->authenticate(instance->self, m, &m->error);
		if (access != GANTRY_ACCESS_DEFERRED)
			return access == GANTRY_ACCESS_GRANTED;
	}
	return false;
}

const char *access_check(gid_t group, struct gantry_message *m, const char *right)
{
	const char *challenge = NULL;
	uid_t uid;
	gid_t gid;

	if (http_peer(m, &uid, &gid))
		return access_peer(group, m, uid, gid);
	if (!access_authenticate(m->graph, m, &challenge)) {
		access_unauthenticated(m, challenge);
		return NULL;
	}
	message_flush_logs(m);
	if (!gantry_has_role(m, ACCESS_ROLE) && !gantry_has_role(m, right)) {
		error_set(&m->error, "FORBIDDEN",
			  "The token has no role that may do this");
		admin_refuse(m);
		return NULL;
	}
	return m->subject != NULL && *m->subject != '\0' ? m->subject : ACCESS_ROLE;
}
