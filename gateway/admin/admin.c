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
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/envelope.h"

#define ADMIN_GROUP "gantry"
#define ADMIN_QUEUE 256		/* requests that may wait */
#define ADMIN_LETTERS "/admin/api/dead-letters"
#define ADMIN_BREAKERS "/admin/api/breakers"

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

/*
 * A path, or what follows the ref of a letter or the name of a breaker. From
 * ADMIN_OF_BREAKER on they are done at once, on the loop: that must work while
 * the storage is away.
 */
enum admin_kind { ADMIN_PATH, ADMIN_OF_LETTER, ADMIN_OF_BREAKER, ADMIN_AT_ONCE };

struct admin_path {
	const char *text;
	enum admin_kind kind;
	const char *method;
	const char *right;		/* beside the role for all */
	admin_work *work;
};

static const struct admin_path admin_paths[] = {
	{ ADMIN_LETTERS, ADMIN_PATH, "GET", "gantry-admin:view", look_list },
	{ ADMIN_LETTERS "/causes", ADMIN_PATH, "GET", "gantry-admin:view", look_causes },
	{ "/admin/api/audit", ADMIN_PATH, "GET", "gantry-admin:view", look_audit },
	{ "", ADMIN_OF_LETTER, "GET", "gantry-admin:view", look_one },
	{ "/retry", ADMIN_OF_LETTER, "POST", "gantry-admin:retry", resolve_retry },
	{ "/edit", ADMIN_OF_LETTER, "POST", "gantry-admin:edit", resolve_edit },
	{ "/discard", ADMIN_OF_LETTER, "POST", "gantry-admin:discard", resolve_discard },
	{ ADMIN_BREAKERS, ADMIN_AT_ONCE, "GET", "gantry-admin:view", guards_list },
	{ "/open", ADMIN_OF_BREAKER, "POST", "gantry-admin:breakers", guards_open },
	{ "/close", ADMIN_OF_BREAKER, "POST", "gantry-admin:breakers", guards_close },
	{ "/reset", ADMIN_OF_BREAKER, "POST", "gantry-admin:breakers", guards_reset },
	{ "/admin/api/reload", ADMIN_AT_ONCE, "POST", "gantry-admin:reload", reload_ask },
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

/* What follows "/admin/api/dead-letters/REF". */
static const char *admin_split_letter(struct gantry_message *m, struct admin_job *job)
{
	size_t n = strlen(ADMIN_LETTERS), digits;
	const char *path = m->path;

	if (strncmp(path, ADMIN_LETTERS "/", n + 1) != 0)
		return NULL;
	path += n + 1;
	digits = strspn(path, "0123456789");
	if (digits == 0 || digits > 19 ||
	    !parse_integer(arena_text_n(&m->arena, path, digits), &job->ref) ||
	    job->ref == 0)
		return NULL;
	return path + digits;
}

/* What follows "/admin/api/breakers/NAME". */
static const char *admin_split_breaker(struct gantry_message *m, struct admin_job *job)
{
	size_t n = strlen(ADMIN_BREAKERS), len;

	if (strncmp(m->path, ADMIN_BREAKERS "/", n + 1) != 0)
		return NULL;
	len = strcspn(m->path + n + 1, "/");
	job->name = arena_text_n(&m->arena, m->path + n + 1, len);
	return m->path + n + 1 + len;
}

static const struct admin_path *admin_find(struct gantry_message *m,
					   struct admin_job *job)
{
	const char *rest[] = { m->path, admin_split_letter(m, job),
			       admin_split_breaker(m, job), m->path };

	for (unsigned i = 0; i < ARRAY_LENGTH(admin_paths); i++) {
		const struct admin_path *path = &admin_paths[i];
		const char *text = rest[path->kind];

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
	struct admin_job *job = arena_zero(&m->arena, sizeof(*job));

	/* held until the request is cleared, with all that it begins */
	m->graph = current_take(admin->options.graphs);
	if (strncmp(m->path, "/admin/api/", 11) != 0) {
		error_set(&m->error, "ROUTE_NOT_FOUND", "There is nothing at this path");
		admin_refuse(m);
		return;
	}
	path = admin_find(m, job);
	job->actor = access_check(admin->group, m,
				  path != NULL ? path->right : admin_paths[0].right);
	if (job->actor == NULL)
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
	job->m = m;
	job->work = path->work;
	if (path->kind >= ADMIN_OF_BREAKER) {
		job->work(admin, job);
	} else if (!admin_push(admin, job)) {
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
