/* SPDX-License-Identifier: Apache-2.0 */
/* sessions - see sessions.h. */
#include "gateway/admin/sessions.h"

#include <pthread.h>
#include <string.h>

#include "gateway/base/memory.h"

struct sessions_one {
	uint8_t digest[DIGEST_SIZE];
	int64_t until_ms;		/* 0: free */
	struct sessions_who who;
};

struct sessions {
	pthread_mutex_t lock;		/* of all of it; taken alone */
	struct sessions_one tickets[SESSIONS_TICKETS];
	struct sessions_one live[SESSIONS_MAX];
};

struct sessions *sessions_new(void)
{
	struct sessions *s = memory_new(sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void sessions_free(struct sessions **sessions)
{
	struct sessions *s = *sessions;

	if (s == NULL)
		return;
	*sessions = NULL;
	pthread_mutex_destroy(&s->lock);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

/* A free place, else that of the one that ends first. */
static void sessions_put(struct sessions_one *list, unsigned n,
			 const struct sessions_who *who, int64_t until_ms,
			 char text_out[static DIGEST_SECRET])
{
	struct sessions_one *at = list;

	for (unsigned i = 1; i < n; i++)
		if (list[i].until_ms < at->until_ms)
			at = &list[i];
	digest_secret(text_out);
	digest_sha256(text_out, strlen(text_out), at->digest);
	at->until_ms = until_ms;
	at->who = *who;
}

/* Looks at all of them, wherever it is. */
static struct sessions_one *sessions_look(struct sessions_one *list, unsigned n,
					  const char *text, int64_t now_ms)
{
	struct sessions_one *found = NULL;
	uint8_t digest[DIGEST_SIZE];

	digest_sha256(text, strlen(text), digest);
	for (unsigned i = 0; i < n; i++)
		if (digest_is_equal(list[i].digest, digest) && list[i].until_ms > now_ms)
			found = &list[i];
	return found;
}

void sessions_admit(struct sessions *s, const struct sessions_who *who, int64_t now_ms,
		    char ticket_out[static DIGEST_SECRET])
{
	pthread_mutex_lock(&s->lock);
	sessions_put(s->tickets, SESSIONS_TICKETS, who, now_ms + SESSIONS_TICKET_MS,
		     ticket_out);
	pthread_mutex_unlock(&s->lock);
}

bool sessions_begin(struct sessions *s, const char *ticket, int64_t now_ms,
		    char session_out[static DIGEST_SECRET])
{
	struct sessions_one *one;

	pthread_mutex_lock(&s->lock);
	one = sessions_look(s->tickets, SESSIONS_TICKETS, ticket, now_ms);
	if (one != NULL) {
		sessions_put(s->live, SESSIONS_MAX, &one->who, now_ms + SESSIONS_MS,
			     session_out);
		*one = (struct sessions_one){ .until_ms = 0 };
	}
	pthread_mutex_unlock(&s->lock);
	return one != NULL;
}

bool sessions_find(struct sessions *s, const char *session, int64_t now_ms,
		   struct sessions_who *out, int64_t *left_ms_out)
{
	const struct sessions_one *one;

	pthread_mutex_lock(&s->lock);
	one = sessions_look(s->live, SESSIONS_MAX, session, now_ms);
	if (one != NULL) {
		*out = one->who;
		*left_ms_out = one->until_ms - now_ms;
	}
	pthread_mutex_unlock(&s->lock);
	return one != NULL;
}

void sessions_end(struct sessions *s, const char *session)
{
	struct sessions_one *one;

	pthread_mutex_lock(&s->lock);
	one = sessions_look(s->live, SESSIONS_MAX, session, INT64_MIN);
	if (one != NULL)
		*one = (struct sessions_one){ .until_ms = 0 };
	pthread_mutex_unlock(&s->lock);
}
