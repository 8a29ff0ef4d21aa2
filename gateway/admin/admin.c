/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin - see admin.h. Requests are told apart on the loop; all of them want
 * the storage, so one thread of its own does the rest, one after the other.
 */
#include "gateway/admin/admin.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/envelope.h"
#include "gateway/source/http/http.h"

#define ADMIN_GROUP "gantry"
#define ADMIN_QUEUE 256		/* requests that may wait */

struct admin {
	struct admin_options options;
	struct site site;
	struct sessions *sessions;
	_Atomic unsigned port;		/* 0: the configured one */
	gid_t group;			/* -1: there is none */
	pthread_t thread;
	pthread_mutex_t lock;		/* of what follows; taken alone */
	pthread_cond_t work;
	struct admin_job *first, **end;
	unsigned n;
	bool stopping;
};

/*
 * Nothing of others in our pages, and our pages in nothing of others; what is
 * shown here is kept nowhere.
 */
const struct message_pair admin_headers[ADMIN_HEADERS] = {
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
	  "connect-src 'self'; base-uri 'none'; form-action 'none'; "
	  "frame-ancestors 'none'; require-trusted-types-for 'script'" },
	{ "X-Frame-Options", "DENY" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cache-Control", "no-store" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
};

const struct admin_options *admin_options(const struct admin *admin)
{
	return &admin->options;
}

const struct site *admin_site(const struct admin *admin)
{
	return &admin->site;
}

struct sessions *admin_sessions(const struct admin *admin)
{
	return admin->sessions;
}

gid_t admin_group(const struct admin *admin)
{
	return admin->group;
}

const char *admin_url(const struct admin *admin, struct arena *arena)
{
	return site_url(&admin->site, atomic_load(&admin->port), arena);
}

void admin_listens(struct admin *admin, unsigned port)
{
	atomic_store(&admin->port, port);
}

void admin_header(struct gantry_message *m, const char *name, const char *value)
{
	struct message_answer *answer = &m->answer;
	struct message_pair *all =
		arena_alloc(&m->arena, (answer->n_headers + 1) * sizeof(*all));

	for (unsigned i = 0; i < answer->n_headers; i++)
		all[i] = answer->headers[i];
	all[answer->n_headers] = (struct message_pair){ name, value };
	answer->headers = all;
	answer->n_headers++;
}

void admin_answer(struct gantry_message *m, json_t *tree)
{
	char *text = json_dumps(tree, JSON_COMPACT);

	json_decref(tree);
	message_correlate(m);
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE, .status = 200,
					     .len = strlen(text) };
	m->answer.text = arena_text_n(&m->arena, text, m->answer.len);
	free(text);
	m->home->answer(m);
}

/* What has no code and no other excuse is the storage's. */
void admin_refuse(struct gantry_message *m)
{
	if (m->error.code == NULL && m->error.dependency == GANTRY_DEPENDS_ON_NOTHING) {
		log_line(GANTRY_LOG_WARNING, m->correlation_id, NULL, "admin: storage: %s",
			 m->error.message);
		error_depends(&m->error, GANTRY_DEPENDS_ON_STORAGE,
			      "The storage cannot be used now");
	}
	message_correlate(m);
	envelope_fail(m, m->error.code == NULL ? GANTRY_FAILED : GANTRY_REJECTED);
	m->home->answer(m);
}

void admin_wrong_method(struct gantry_message *m, const char *allowed)
{
	error_set(&m->error, "METHOD_NOT_ALLOWED", "This path has no such method");
	message_correlate(m);
	envelope_fail(m, GANTRY_REJECTED);
	admin_header(m, "Allow", allowed);
	m->home->answer(m);
}

static bool admin_push(struct admin *admin, struct admin_job *job)
{
	bool taken;

	pthread_mutex_lock(&admin->lock);
	taken = !admin->stopping && admin->n < ADMIN_QUEUE;
	if (taken) {
		*admin->end = job;
		admin->end = &job->next;
		admin->n++;
		pthread_cond_signal(&admin->work);
	}
	pthread_mutex_unlock(&admin->lock);
	return taken;
}

/* A page of others, whose name leads to us, must not look like one of ours. */
static bool admin_is_called_rightly(const struct admin *admin, struct gantry_message *m)
{
	uid_t uid;
	gid_t gid;

	if (http_peer(m, &uid, &gid) || site_is_ours(&admin->site, gantry_header(m, "Host")))
		return true;
	error_set(&m->error, "FORBIDDEN", "This host is not known by that name: use "
		  "%s/admin/, or add the name to admin.hosts",
		  admin_url(admin, &m->arena));
	admin_refuse(m);
	return false;
}

static bool admin_may(struct admin *admin, struct admin_job *job,
		      const struct admin_path *path)
{
	if (path != NULL && path->access == ADMIN_BY_TICKET)
		return true;
	if (path != NULL && path->access == ADMIN_BY_SOCKET)
		return access_check_socket(admin, job);
	return access_check(admin, job, path != NULL ? path->right : "gantry-admin:view");
}

static void admin_do(struct admin *admin, struct admin_job *job,
		     const struct admin_path *path)
{
	/* for the log, too */
	message_correlate(job->m);
	job->work = path->work;
	if (path->at_once) {
		job->work(admin, job);
	} else if (!admin_push(admin, job)) {
		error_set(&job->m->error, "OVERLOADED", "Too much to do at the moment");
		admin_refuse(job->m);
	}
}

/* Who may not is told nothing of what there is. */
void admin_handle(void *ctx, struct gantry_message *m)
{
	struct admin *admin = ctx;
	const struct admin_path *path = NULL, *near = NULL;
	struct admin_job *job = arena_zero(&m->arena, sizeof(*job));
	const char *allowed = NULL;

	/* held until the request is cleared, with all that it begins */
	m->graph = current_take(admin->options.graphs);
	job->m = m;
	if (!admin_is_called_rightly(admin, m) || files_handle(m))
		return;
	if (action_find(m, job)) {
		action_run(admin, job);
		return;
	}
	if (strncmp(m->path, "/admin/api/", 11) == 0) {
		path = paths_find(m, job, &allowed, &near);
		if (!admin_may(admin, job, path != NULL ? path : near))
			return;
	}
	if (path != NULL) {
		admin_do(admin, job, path);
	} else if (allowed != NULL) {
		admin_wrong_method(m, allowed);
	} else {
		error_set(&m->error, "ROUTE_NOT_FOUND", "There is nothing at this path");
		admin_refuse(m);
	}
}

static void *admin_main(void *arg)
{
	struct admin *admin = arg;
	struct admin_job *job;

	thread_begin("admin", THREAD_LONG);
	pthread_mutex_lock(&admin->lock);
	for (;;) {
		job = admin->first;
		if (job == NULL && admin->stopping)
			break;
		if (job == NULL) {
			pthread_cond_wait(&admin->work, &admin->lock);
			continue;
		}
		admin->first = job->next;
		if (admin->first == NULL)
			admin->end = &admin->first;
		admin->n--;
		pthread_mutex_unlock(&admin->lock);
		job->work(admin, job);
		pthread_mutex_lock(&admin->lock);
	}
	pthread_mutex_unlock(&admin->lock);
	return NULL;
}

struct admin *admin_new(const struct admin_options *options)
{
	struct admin *admin = memory_new(sizeof(*admin));
	const struct group *group = getgrnam(ADMIN_GROUP);

	admin->options = *options;
	site_init(&admin->site, options->site);
	admin->sessions = sessions_new();
	admin->group = group != NULL ? group->gr_gid : (gid_t)-1;
	admin->end = &admin->first;
	pthread_mutex_init(&admin->lock, NULL);
	pthread_cond_init(&admin->work, NULL);
	if (pthread_create(&admin->thread, NULL, admin_main, admin) != 0)
		abort();
	return admin;
}

void admin_free(struct admin **admin_p)
{
	struct admin *admin = *admin_p;

	if (admin == NULL)
		return;
	*admin_p = NULL;
	pthread_mutex_lock(&admin->lock);
	admin->stopping = true;
	pthread_cond_signal(&admin->work);
	pthread_mutex_unlock(&admin->lock);
	pthread_join(admin->thread, NULL);
	pthread_cond_destroy(&admin->work);
	pthread_mutex_destroy(&admin->lock);
	sessions_free(&admin->sessions);
	site_fini(&admin->site);
	free(admin);
}
