/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin - see admin.h. Requests are told apart on the loop; all of them want
 * the storage, so one thread of its own does the rest, one after the other.
 */
#include "gateway/admin/admin.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/pipeline/envelope.h"

#define ADMIN_GROUP "gantry"
#define ADMIN_QUEUE 256		/* requests that may wait */
#define ADMIN_LETTERS "/admin/api/dead-letters"

struct admin {
	struct admin_options options;
	gid_t group;			/* -1: there is none */
	pthread_t thread;
	pthread_mutex_t lock;		/* of what follows; taken alone */
	pthread_cond_t work;
	struct admin_job *first, **end;
	unsigned n;
	bool stopping;
};

/* A path, or what follows the ref of a letter. */
struct admin_path {
	const char *text;
	bool of_letter;
	const char *method;
	const char *right;		/* beside the role for all */
	admin_work *work;
};

static const struct admin_path admin_paths[] = {
	{ ADMIN_LETTERS, false, "GET", "gantry-admin:view", look_list },
	{ ADMIN_LETTERS "/causes", false, "GET", "gantry-admin:view", look_causes },
	{ "/admin/api/audit", false, "GET", "gantry-admin:view", look_audit },
	{ "", true, "GET", "gantry-admin:view", look_one },
	{ "/retry", true, "POST", "gantry-admin:retry", resolve_retry },
	{ "/edit", true, "POST", "gantry-admin:edit", resolve_edit },
	{ "/discard", true, "POST", "gantry-admin:discard", resolve_discard },
};

const struct admin_options *admin_options(const struct admin *admin)
{
	return &admin->options;
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

/* "/admin/api/dead-letters/REF" and what follows it. */
static const char *admin_split(const char *path, struct arena *arena, int64_t *ref_out)
{
	size_t n = strlen(ADMIN_LETTERS), digits;

	if (strncmp(path, ADMIN_LETTERS "/", n + 1) != 0)
		return NULL;
	path += n + 1;
	digits = strspn(path, "0123456789");
	if (digits == 0 || digits > 19 ||
	    !parse_integer(arena_text_n(arena, path, digits), ref_out) || *ref_out == 0)
		return NULL;
	return path + digits;
}

static const struct admin_path *admin_find(struct gantry_message *m, int64_t *ref_out)
{
	const char *rest = admin_split(m->path, &m->arena, ref_out);

	for (unsigned i = 0; i < ARRAY_LENGTH(admin_paths); i++) {
		const struct admin_path *path = &admin_paths[i];
		const char *text = path->of_letter ? rest : m->path;

		if (text != NULL && strcmp(text, path->text) == 0)
			return path;
	}
	return NULL;
}

static void admin_wrong_method(struct gantry_message *m, const char *allowed)
{
	struct message_pair *header = arena_alloc(&m->arena, sizeof(*header));

	error_set(&m->error, "METHOD_NOT_ALLOWED", "This path has no such method");
	message_correlate(m);
	envelope_fail(m, GANTRY_REJECTED);
	*header = (struct message_pair){ "Allow", allowed };
	m->answer.headers = header;
	m->answer.n_headers = 1;
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

/* Who may not is told nothing of what there is. */
void admin_handle(void *ctx, struct gantry_message *m)
{
	struct admin *admin = ctx;
	const struct admin_path *path;
	struct admin_job *job;
	const char *actor;
	int64_t ref = 0;

	if (strncmp(m->path, "/admin/api/", 11) != 0) {
		error_set(&m->error, "ROUTE_NOT_FOUND", "There is nothing at this path");
		admin_refuse(m);
		return;
	}
	path = admin_find(m, &ref);
	actor = access_check(&admin->options, admin->group, m,
			     path != NULL ? path->right : admin_paths[0].right);
	if (actor == NULL)
		return;
	if (path == NULL) {
		error_set(&m->error, "ROUTE_NOT_FOUND", "There is nothing at this path");
		admin_refuse(m);
		return;
	}
	if (strcmp(m->method, path->method) != 0) {
		admin_wrong_method(m, path->method);
		return;
	}
	job = arena_zero(&m->arena, sizeof(*job));
	*job = (struct admin_job){ .m = m, .work = path->work, .ref = ref,
				   .actor = actor };
	if (!admin_push(admin, job)) {
		error_set(&m->error, "OVERLOADED", "Too much to do at the moment");
		admin_refuse(m);
	}
}

static void *admin_main(void *arg)
{
	struct admin *admin = arg;
	struct admin_job *job;

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
	free(admin);
}
