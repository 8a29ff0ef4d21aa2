/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span - see span.h. The queue is a ring of places with a turn each: a place may
 * be filled when its turn is its number, and read when it is one more. Who
 * fills takes the next number by compare-and-swap; there is one who reads.
 */
#include "gateway/base/span.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/base/memory.h"

/* A ratio as a part of 2^63, which is the lower half of a trace's id. */
#define SPAN_ALL (UINT64_C(1) << 63)
#define SPAN_LINE 64

struct span_place {
	_Atomic uint64_t turn;
	struct span span;
};

struct spans {
	struct span_place *places;
	uint64_t mask;
	_Atomic uint64_t below;		/* the ratio */
	_Atomic uint64_t dropped;
	/* each in a cache line of its own: many write the one, one the other */
	char before[SPAN_LINE];
	_Atomic uint64_t next;		/* to be filled */
	char between[SPAN_LINE];
	_Atomic uint64_t oldest;	/* to be read */
	char behind[SPAN_LINE];
	_Atomic uint64_t wanted;	/* the reader sleeps until next is this; 0:
					   it does not sleep */
	pthread_mutex_t lock;		/* of woken; taken alone */
	pthread_cond_t work;
	bool woken;
};

struct spans *spans_new(size_t room, double ratio)
{
	struct spans *s = memory_new(sizeof(*s));
	pthread_condattr_t steady;
	size_t n = 2;

	while (n < room)
		n *= 2;
	s->places = memory_new_array(n, sizeof(*s->places));
	s->mask = n - 1;
	for (size_t i = 0; i < n; i++)
		atomic_init(&s->places[i].turn, i);
	spans_set_ratio(s, ratio);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&s->work, &steady);
	pthread_condattr_destroy(&steady);
	return s;
}

void spans_free(struct spans **spans)
{
	struct spans *s = *spans;

	if (s == NULL)
		return;
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s->places);
	free(s);
	*spans = NULL;
}

void spans_set_ratio(struct spans *spans, double ratio)
{
	uint64_t below = SPAN_ALL;

	assert(ratio >= 0 && ratio <= 1);
	if (ratio < 1)
		below = (uint64_t)(ratio * (double)SPAN_ALL);
	atomic_store_explicit(&spans->below, below, memory_order_relaxed);
}

double spans_ratio(const struct spans *spans)
{
	uint64_t below = atomic_load_explicit(&((struct spans *)spans)->below,
					      memory_order_relaxed);

	return (double)below / (double)SPAN_ALL;
}

static bool span_is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

void span_mint(uint8_t id[static 8])
{
	do {
		ids_random(id, 8);
	} while (span_is_zero(id, 8));
}

bool span_is_nowhere(const struct span_context *context)
{
	return span_is_zero(context->trace, sizeof(context->trace));
}

static bool span_decide(const struct spans *spans, const uint8_t trace[static 16])
{
	uint64_t chance = 0;

	for (unsigned i = 8; i < 16; i++)
		chance = chance << 8 | trace[i];
	return chance >> 1 < atomic_load_explicit(&((struct spans *)spans)->below,
						  memory_order_relaxed);
}

void span_begin(const struct spans *spans, const struct span_context *parent,
		struct span_context *out)
{
	*out = *parent;
	span_mint(out->id);
	if (!span_is_nowhere(parent))
		return;
	do {
		ids_random(out->trace, sizeof(out->trace));
	} while (span_is_nowhere(out));
	out->sampled = span_decide(spans, out->trace);
}

static int span_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool span_bytes(const char *text, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = span_digit(text[2 * i]), low = span_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void span_parse(const char *traceparent, struct span_context *out)
{
	struct span_context c = { 0 };
	uint8_t flags = 0;

	*out = c;
	if (traceparent == NULL || strnlen(traceparent, 55) < 55 ||
	    !span_bytes(traceparent + 3, c.trace, sizeof(c.trace)) ||
	    !span_bytes(traceparent + 36, c.id, sizeof(c.id)) ||
	    !span_bytes(traceparent + 53, &flags, 1) || span_is_nowhere(&c) ||
	    span_is_zero(c.id, sizeof(c.id)))
		return;
	c.sampled = flags & 1;
	*out = c;
}

static char *span_hex(char *to, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	return to;
}

void span_format(const struct span_context *context,
		 char text[static SPAN_TRACEPARENT])
{
	char *to = text;

	memcpy(to, "00-", 3);
	to = span_hex(to + 3, context->trace, sizeof(context->trace));
	*to++ = '-';
	to = span_hex(to, context->id, sizeof(context->id));
	memcpy(to, context->sampled ? "-01" : "-00", 4);
}

/* Where it stands from now on; a text without room ends early. */
static uint16_t span_keep(struct span *span, const char *text)
{
	uint16_t at = span->used;
	size_t room = SPAN_TEXT - 1u - at, len;

	len = strnlen(text, room < SPAN_TEXT_MOST ? room : SPAN_TEXT_MOST);
	memcpy(span->texts + at, text, len);
	span->texts[at + len] = '\0';
	/* the last byte stays a NUL, so that there is always an empty text */
	span->used = (uint16_t)(at + len + (len < room));
	return at;
}

struct span *span_claim(struct spans *spans, const char *name, enum span_kind kind)
{
	uint64_t next = atomic_load_explicit(&spans->next, memory_order_relaxed);
	struct span_place *place;
	struct span *span;

	for (;;) {
		uint64_t turn;

		place = &spans->places[next & spans->mask];
		turn = atomic_load_explicit(&place->turn, memory_order_acquire);
		if (turn == next) {
			if (atomic_compare_exchange_weak_explicit(
				    &spans->next, &next, next + 1,
				    memory_order_seq_cst, memory_order_relaxed))
				break;
		} else if (turn < next) {
			atomic_fetch_add_explicit(&spans->dropped, 1,
						  memory_order_relaxed);
			return NULL;
		} else {
			next = atomic_load_explicit(&spans->next, memory_order_relaxed);
		}
	}
	span = &place->span;
	memset(span, 0, offsetof(struct span, attributes));
	span->kind = kind;
	span->used = 1;		/* 0 is the empty text */
	span->texts[0] = '\0';
	span->name = span_keep(span, name);
	return span;
}

void span_commit(struct spans *spans, struct span *span)
{
	struct span_place *place = (struct span_place *)((char *)span -
				   offsetof(struct span_place, span));
	uint64_t turn = atomic_load_explicit(&place->turn, memory_order_relaxed);
	uint64_t wanted;

	atomic_store(&place->turn, turn + 1);
	wanted = atomic_load(&spans->wanted);
	/* once for each sleep */
	if (wanted != 0 && turn + 1 >= wanted &&
	    atomic_compare_exchange_strong(&spans->wanted, &wanted, 0))
		spans_wake(spans);
}

static struct span_attribute *span_add(struct span *span, const char *key)
{
	struct span_attribute *a = &span->attributes[span->n_attributes];

	assert(span->n_attributes < SPAN_ATTRIBUTES);
	span->n_attributes++;
	*a = (struct span_attribute){ .key = key };
	return a;
}

void span_add_text(struct span *span, const char *key, const char *text)
{
	struct span_attribute *a;

	if (text == NULL)
		return;
	a = span_add(span, key);
	a->is_text = true;
	a->number = span_keep(span, text);
}

void span_add_word(struct span *span, const char *key, const char *word)
{
	struct span_attribute *a;

	if (word == NULL)
		return;
	a = span_add(span, key);
	a->is_text = true;
	a->text = word;
}

void span_add_number(struct span *span, const char *key, int64_t number)
{
	span_add(span, key)->number = number;
}

void span_fail(struct span *span, const char *type, const char *why)
{
	span->failed = true;
	span_add_text(span, "error.type", type);
	if (why != NULL && *why != '\0')
		span->why = span_keep(span, why);
}

const char *span_text(const struct span *span, unsigned at)
{
	return span->texts + at;
}

const char *span_value(const struct span *span, const struct span_attribute *a)
{
	return a->text != NULL ? a->text : span_text(span, (unsigned)a->number);
}

const struct span *spans_oldest(struct spans *spans)
{
	uint64_t oldest = atomic_load_explicit(&spans->oldest, memory_order_relaxed);
	struct span_place *place = &spans->places[oldest & spans->mask];

	if (atomic_load_explicit(&place->turn, memory_order_acquire) != oldest + 1)
		return NULL;
	return &place->span;
}

void spans_release(struct spans *spans)
{
	uint64_t oldest = atomic_load_explicit(&spans->oldest, memory_order_relaxed);
	struct span_place *place = &spans->places[oldest & spans->mask];

	/* its turn comes again when all others had theirs */
	atomic_store_explicit(&place->turn, oldest + spans->mask + 1,
			      memory_order_release);
	atomic_store_explicit(&spans->oldest, oldest + 1, memory_order_relaxed);
}

void spans_wait(struct spans *spans, size_t n, int64_t ms)
{
	uint64_t until = atomic_load_explicit(&spans->oldest, memory_order_relaxed) + n;
	int64_t due_ns = clock_steady_ns() + ms * 1000000;
	struct timespec due = { due_ns / 1000000000, due_ns % 1000000000 };

	atomic_store(&spans->wanted, until);
	pthread_mutex_lock(&spans->lock);
	while (!spans->woken && atomic_load(&spans->next) < until &&
	       pthread_cond_timedwait(&spans->work, &spans->lock, &due) != ETIMEDOUT)
		;
	spans->woken = false;
	pthread_mutex_unlock(&spans->lock);
	atomic_store(&spans->wanted, 0);
}

void spans_wake(struct spans *spans)
{
	pthread_mutex_lock(&spans->lock);
	spans->woken = true;
	pthread_cond_signal(&spans->work);
	pthread_mutex_unlock(&spans->lock);
}

size_t spans_waiting(const struct spans *spans)
{
	struct spans *s = (struct spans *)spans;
	uint64_t oldest = atomic_load_explicit(&s->oldest, memory_order_relaxed);
	uint64_t next = atomic_load_explicit(&s->next, memory_order_relaxed);

	return next > oldest ? (size_t)(next - oldest) : 0;
}

uint64_t spans_dropped(const struct spans *spans)
{
	return atomic_load_explicit(&((struct spans *)spans)->dropped,
				    memory_order_relaxed);
}
