/* SPDX-License-Identifier: Apache-2.0 */
/* handover - see handover.h. */
#include "gateway/commit/handover.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/memory.h"
#include "gateway/commit/schema.h"

/* More than this, and the publisher is slow or has no broker. */
#define HANDOVER_EVENTS 8192
#define HANDOVER_BYTES (16u << 20)
#define HANDOVER_GONE (1u << 20)

struct handover {
	pthread_mutex_t lock;	/* of news and what follows; taken last */
	struct handover_news news;
	struct handover_event *last;
	size_t bytes, gone_room;
	int fd;
};

/* Texts that an event takes along, and where they go. */
static const struct {
	unsigned column;
	size_t member;
} handover_texts[] = {
	{ OUTBOX_OWNER, offsetof(struct handover_event, owner) },
	{ OUTBOX_AGGREGATE_ID, offsetof(struct handover_event, aggregate_id) },
	{ OUTBOX_EXCHANGE, offsetof(struct handover_event, exchange) },
	{ OUTBOX_ROUTING_KEY, offsetof(struct handover_event, routing_key) },
	{ OUTBOX_TYPE, offsetof(struct handover_event, type) },
	{ OUTBOX_EVENT_ID, offsetof(struct handover_event, event_id) },
	{ OUTBOX_CORRELATION_ID, offsetof(struct handover_event, correlation_id) },
	{ OUTBOX_TRACEPARENT, offsetof(struct handover_event, traceparent) },
	{ OUTBOX_TRACESTATE, offsetof(struct handover_event, tracestate) },
	{ OUTBOX_BODY, offsetof(struct handover_event, body) },
};

static size_t handover_size(const struct gantry_value *values)
{
	size_t size = sizeof(struct handover_event);

	for (size_t i = 0; i < ARRAY_LENGTH(handover_texts); i++)
		size += values[handover_texts[i].column].len + 1;
	return size;
}

struct handover_event *handover_event_new(const struct gantry_value *values)
{
	size_t size = handover_size(values);
	struct handover_event *e = memory_new(size);
	char *text = (char *)(e + 1);

	e->size = size;
	e->ref = values[OUTBOX_REF].is.number;
	if (values[OUTBOX_AFTER].kind != GANTRY_NULL)
		e->after = values[OUTBOX_AFTER].is.number;
	e->created_ms = values[OUTBOX_CREATED_AT].is.number;
	e->body_len = values[OUTBOX_BODY].len;
	for (size_t i = 0; i < ARRAY_LENGTH(handover_texts); i++) {
		const struct gantry_value *v = &values[handover_texts[i].column];

		if (v->kind == GANTRY_NULL)
			continue;
		memcpy(text, v->is.text, v->len);
		*(const char **)((char *)e + handover_texts[i].member) = text;
		text += v->len + 1;
	}
	return e;
}

struct handover *handover_new(void)
{
	struct handover *h = memory_new(sizeof(*h));

	pthread_mutex_init(&h->lock, NULL);
	h->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (h->fd < 0)
		abort();
	return h;
}

static void handover_free_events(struct handover_event *e)
{
	while (e != NULL) {
		struct handover_event *next = e->next;

		free(e);
		e = next;
	}
}

void handover_news_fini(struct handover_news *news)
{
	handover_free_events(news->first);
	free(news->gone);
	*news = (struct handover_news){ 0 };
}

void handover_free(struct handover **handover)
{
	struct handover *h = *handover;

	if (h == NULL)
		return;
	handover_news_fini(&h->news);
	close(h->fd);
	pthread_mutex_destroy(&h->lock);
	free(h);
	*handover = NULL;
}

int handover_fd(const struct handover *handover)
{
	return handover->fd;
}

void handover_take(struct handover *h, struct handover_news *out)
{
	uint64_t wakes;

	if (read(h->fd, &wakes, sizeof(wakes)) < 0)
		wakes = 0;
	pthread_mutex_lock(&h->lock);
	*out = h->news;
	h->news = (struct handover_news){ 0 };
	h->last = NULL;
	h->bytes = h->gone_room = 0;
	pthread_mutex_unlock(&h->lock);
}

/* Those that fit; the rest is returned, to be freed without the lock. */
static struct handover_event *handover_add_events(struct handover *h,
						  struct handover_event *e)
{
	while (e != NULL && h->news.n < HANDOVER_EVENTS &&
	       h->bytes + e->size <= HANDOVER_BYTES) {
		struct handover_event *next = e->next;

		e->next = NULL;
		if (h->last == NULL)
			h->news.first = e;
		else
			h->last->next = e;
		h->last = e;
		h->news.n++;
		h->bytes += e->size;
		e = next;
	}
	h->news.lost |= e != NULL;
	return e;
}

static void handover_add_gone(struct handover *h, const int64_t *gone, size_t n)
{
	struct handover_news *news = &h->news;

	if (n == 0)
		return;
	/* nobody listens any more: the next scan tells the same */
	if (news->n_gone + n > HANDOVER_GONE) {
		news->lost = true;
		return;
	}
	if (news->n_gone + n > h->gone_room) {
		h->gone_room = 2 * (news->n_gone + n);
		news->gone = memory_grow(news->gone, h->gone_room, sizeof(*gone));
	}
	memcpy(news->gone + news->n_gone, gone, n * sizeof(*gone));
	news->n_gone += n;
}

void handover_wake(struct handover *handover)
{
	const uint64_t one = 1;

	if (write(handover->fd, &one, sizeof(one)) < 0)
		return;		/* its counter is full: it is readable already */
}

void handover_give(struct handover *h, const struct handover_gift *gift)
{
	struct handover_event *left;

	if (gift->first == NULL && gift->n_gone == 0 && gift->n_leases == 0)
		return;
	pthread_mutex_lock(&h->lock);
	left = handover_add_events(h, gift->first);
	handover_add_gone(h, gift->gone, gift->n_gone);
	for (unsigned i = 0; i < gift->n_leases && h->news.n_leases < HANDOVER_LEASES; i++)
		h->news.leases[h->news.n_leases++] = gift->leases[i];
	pthread_mutex_unlock(&h->lock);
	handover_free_events(left);
	handover_wake(h);
}
