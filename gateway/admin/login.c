/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login - how a person comes in: a ticket over the unix socket, once and within a
 * minute, and for it a cookie that page scripts cannot read.
 */
#include <inttypes.h>
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/source/http/http.h"

static int64_t login_now_ms(void)
{
	return clock_steady_ns() / 1000000;
}

/* {"roles": [...]}, {} or nothing: all of it. 0, or -1 with m->error. */
static int login_roles(struct gantry_message *m, unsigned *roles_out)
{
	const json_t *body = m->body_len > 0 ? gantry_json(m, &m->error) : NULL;
	const json_t *list = json_object_get(body, "roles"), *role;
	size_t i;

	*roles_out = list == NULL ? access_role_bit(access_role(0)) : 0;
	if (m->body_len > 0 && body == NULL)
		return error_set(&m->error, "VALIDATION_ERROR", "%s",
				 arena_text(&m->arena, m->error.message));
	json_array_foreach(list, i, role) {
		unsigned bit = json_is_string(role) ?
			       access_role_bit(json_string_value(role)) : 0;

		if (bit == 0)
			gantry_problem(&m->error, "roles", "no role of the admin API: %s",
				       json_is_string(role) ? json_string_value(role) :
							      "not a text");
		*roles_out |= bit;
	}
	if (m->error.problems == 0 && *roles_out != 0)
		return 0;
	return error_set(&m->error, "VALIDATION_ERROR",
			 "roles: must be some of the roles of the admin API");
}

static const char *login_text(struct gantry_message *m, unsigned roles)
{
	const char *text = NULL;

	for (unsigned i = 0; access_role(i) != NULL; i++)
		if (roles & 1U << i)
			text = text == NULL ? access_role(i) :
			       arena_format(&m->arena, "%s, %s", text, access_role(i));
	return text;
}

void login_admit(struct admin *admin, struct admin_job *job)
{
	struct gantry_message *m = job->m;
	struct sessions_who who = { .roles = 0 };
	char ticket[DIGEST_SECRET];
	char *url;

	if (login_roles(m, &who.roles) < 0) {
		admin_refuse(m);
		return;
	}
	snprintf(who.actor, sizeof(who.actor), "%s", job->actor);
	sessions_admit(admin_sessions(admin), &who, login_now_ms(), ticket);
	log_line(GANTRY_LOG_INFO, m->correlation_id, m->traceparent,
		 "admin: a login link for %s", job->actor);
	admin_note(admin, job, "login", login_text(m, who.roles), "link made");
	/* behind #, which browsers send to nobody */
	url = arena_format(&m->arena, "%s/admin/#login=%s", admin_url(admin, &m->arena),
			   ticket);
	admin_answer(m, json_pack("{sb s{ss ss sI}}", "success", 1, "data", "url", url,
				  "ticket", ticket, "endsInMs",
				  (json_int_t)SESSIONS_TICKET_MS));
	explicit_bzero(ticket, sizeof(ticket));
}

static void login_refuse(struct gantry_message *m, const char *code, const char *text)
{
	error_set(&m->error, code, "%s", text);
	admin_refuse(m);
}

static void login_set_cookie(struct admin *admin, struct gantry_message *m,
			     const char *value, int64_t max_age_s)
{
	admin_header(m, "Set-Cookie", arena_format(&m->arena,
		"%s=%s; Path=/admin; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s",
		site_cookie_name(m), value, max_age_s,
		site_is_secure(admin_site(admin), m) ? "; Secure" : ""));
}

/* An answer that tells, with the cookie. */
static void login_answer(struct admin *admin, struct gantry_message *m, const char *cookie,
			 int64_t max_age_s, const char *text)
{
	message_correlate(m);
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE, .status = 200,
					     .text = text, .len = strlen(text) };
	login_set_cookie(admin, m, cookie, max_age_s);
	m->home->answer(m);
}

void login_begin(struct admin *admin, struct admin_job *job)
{
	struct gantry_message *m = job->m;
	char session[DIGEST_SECRET];
	const json_t *ticket;

	/* or another page could make us somebody that it knows */
	if (!site_is_own_page(admin_site(admin), m)) {
		login_refuse(m, "FORBIDDEN", "This request comes from another page");
		return;
	}
	ticket = json_object_get(gantry_json(m, &m->error), "ticket");
	if (!json_is_string(ticket)) {
		error_reset(&m->error);
		login_refuse(m, "VALIDATION_ERROR", "ticket: must be what gantry admin "
			     "login has printed behind login=");
		return;
	}
	if (!sessions_begin(admin_sessions(admin), json_string_value(ticket),
			    login_now_ms(), session)) {
		access_unauthenticated(m, NULL, "This link was used, is older than a "
				       "minute, or from before the last start: gantry admin "
				       "login makes a new one");
		return;
	}
	log_line(GANTRY_LOG_INFO, m->correlation_id, m->traceparent, "admin: a session begins");
	login_answer(admin, m, arena_text(&m->arena, session), SESSIONS_MS / 1000,
		     "{\"success\":true,\"data\":{\"outcome\":\"begun\"}}");
	explicit_bzero(session, sizeof(session));
}

void login_show(struct admin *admin, struct admin_job *job)
{
	const struct admin_options *o = admin_options(admin);
	json_t *roles = json_array(), *tree;
	uid_t uid;
	gid_t gid;

	for (unsigned i = 0; access_role(i) != NULL; i++)
		if (gantry_has_role(job->m, access_role(i)) ||
		    (i == 0 && http_peer(job->m, &uid, &gid)))
			json_array_append_new(roles, json_string(access_role(i)));
	tree = json_pack("{ss so ss ss ss}", "actor", job->actor, "roles", roles,
			 "service", o->service, "replica", o->replica, "version",
			 VERSION_TEXT);
	if (job->session != NULL)
		json_object_set_new(tree, "endsInMs", json_integer(job->left_ms));
	admin_answer(job->m, json_pack("{sb so}", "success", 1, "data", tree));
}

void login_end(struct admin *admin, struct admin_job *job)
{
	if (job->session == NULL) {
		login_refuse(job->m, "VALIDATION_ERROR", "There is no session to end");
		return;
	}
	sessions_end(admin_sessions(admin), job->session);
	login_answer(admin, job->m, "", 0,
		     "{\"success\":true,\"data\":{\"outcome\":\"ended\"}}");
}
