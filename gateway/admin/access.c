/* SPDX-License-Identifier: Apache-2.0 */
/* access - who may use the admin API; when in doubt, nobody. */
#include <string.h>
#include <unistd.h>

#include "gateway/admin/private.h"
#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/source/http/http.h"

#define ACCESS_ROLE "gantry-admin"

/* What a session may have; a bit each. Any other right needs the first. */
static const char *const access_roles[] = {
	ACCESS_ROLE, ACCESS_ROLE ":view", ACCESS_ROLE ":retry", ACCESS_ROLE ":edit",
	ACCESS_ROLE ":discard", ACCESS_ROLE ":breakers", ACCESS_ROLE ":log",
	ACCESS_ROLE ":reload",
};

const char *access_role(unsigned i)
{
	return i < ARRAY_LENGTH(access_roles) ? access_roles[i] : NULL;
}

unsigned access_role_bit(const char *role)
{
	for (unsigned i = 0; i < ARRAY_LENGTH(access_roles); i++)
		if (strcmp(role, access_roles[i]) == 0)
			return 1U << i;
	return 0;
}

static bool access_peer(struct admin *admin, struct admin_job *job, uid_t uid, gid_t gid)
{
	gid_t group = admin_group(admin);
	struct gantry_message *m = job->m;

	if (uid == 0 || uid == geteuid() ||
	    (group != (gid_t)-1 && (gid == group || http_peer_is_in(m, group)))) {
		job->actor = arena_format(&m->arena, "uid %lu", (unsigned long)uid);
		return true;
	}
	error_set(&m->error, "FORBIDDEN",
		  "Only root and members of the group gantry may do this");
	admin_refuse(m);
	return false;
}

bool access_check_socket(struct admin *admin, struct admin_job *job)
{
	uid_t uid;
	gid_t gid;

	if (http_peer(job->m, &uid, &gid))
		return access_peer(admin, job, uid, gid);
	error_set(&job->m->error, "FORBIDDEN", "This goes over the admin socket only: "
		  "gantry admin login");
	admin_refuse(job->m);
	return false;
}

void access_unauthenticated(struct gantry_message *m, const char *challenge,
			    const char *text)
{
	error_reset(&m->error);
	error_set(&m->error, "UNAUTHENTICATED", "%s", text);
	message_correlate(m);
	envelope_fail(m, GANTRY_REJECTED);
	admin_header(m, "WWW-Authenticate", challenge != NULL ? challenge : "Bearer");
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

bool access_is_known(struct gantry_message *m, const char *right)
{
	const char *challenge = NULL;
	bool known = access_authenticate(m->graph, m, &challenge);

	message_flush_logs(m);
	return known && (gantry_has_role(m, ACCESS_ROLE) || gantry_has_role(m, right));
}

static void access_enter(struct admin_job *job, const struct sessions_who *who)
{
	for (unsigned i = 0; i < ARRAY_LENGTH(access_roles); i++)
		if (who->roles & 1U << i)
			gantry_grant(job->m, access_roles[i]);
	job->m->subject = arena_text(&job->m->arena, who->actor);
}

static bool access_is_reading(const struct gantry_message *m)
{
	return strcmp(m->method, "GET") == 0 || strcmp(m->method, "HEAD") == 0;
}

/* A cookie comes along whoever makes the browser send a request. */
static bool access_session(struct admin *admin, struct admin_job *job)
{
	struct gantry_message *m = job->m;
	struct sessions_who who;

	if (access_is_reading(m) ? site_is_fetched_by_others(m) :
				   !site_is_own_page(admin_site(admin), m)) {
		error_set(&m->error, "FORBIDDEN", "This request comes from another page");
		admin_refuse(m);
		return false;
	}
	if (!sessions_find(admin_sessions(admin), job->session,
			   clock_steady_ns() / 1000000, &who, &job->left_ms)) {
		access_unauthenticated(m, NULL, "The session has ended, or the gateway was "
				       "started again: gantry admin login makes a new one");
		return false;
	}
	access_enter(job, &who);
	return true;
}

static bool access_token(struct admin_job *job)
{
	const char *challenge = NULL;

	if (!access_authenticate(job->m->graph, job->m, &challenge)) {
		access_unauthenticated(job->m, challenge, "A valid token is needed");
		return false;
	}
	message_flush_logs(job->m);
	return true;
}

bool access_check(struct admin *admin, struct admin_job *job, const char *right)
{
	struct gantry_message *m = job->m;
	uid_t uid;
	gid_t gid;

	if (http_peer(m, &uid, &gid))
		return access_peer(admin, job, uid, gid);
	job->session = m->credential == NULL ? site_cookie(m) : NULL;
	if (!(job->session != NULL ? access_session(admin, job) : access_token(job)))
		return false;
	if (!gantry_has_role(m, ACCESS_ROLE) && !gantry_has_role(m, right)) {
		error_set(&m->error, "FORBIDDEN", job->session != NULL ?
			  "The session has no role that may do this" :
			  "The token has no role that may do this");
		admin_refuse(m);
		return false;
	}
	job->actor = m->subject != NULL && *m->subject != '\0' ? m->subject : ACCESS_ROLE;
	return true;
}
