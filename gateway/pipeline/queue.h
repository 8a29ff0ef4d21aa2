/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue - messages in a row, linked by their own next; a message is in one
 * queue at a time. No lock of its own; a zeroed one is empty.
 */
#ifndef PIPELINE_QUEUE_H
#define PIPELINE_QUEUE_H

#include "gateway/pipeline/message.h"

struct queue {
	struct gantry_message *first, *last;
	size_t n;
};

static inline bool queue_is_empty(const struct queue *q)
{
	return q->first == NULL;
}

static inline void queue_push(struct queue *q, struct gantry_message *m)
{
	m->next = NULL;
	if (q->first == NULL)
		q->first = m;
	else
		q->last->next = m;
	q->last = m;
	q->n++;
}

static inline void queue_push_front(struct queue *q, struct gantry_message *m)
{
	m->next = q->first;
	q->first = m;
	if (m->next == NULL)
		q->last = m;
	q->n++;
}

static inline struct gantry_message *queue_pop(struct queue *q)
{
	struct gantry_message *m = q->first;

	if (m != NULL) {
		q->first = m->next;
		m->next = NULL;
		q->n--;
	}
	return m;
}

/* All of them, in their order; q is empty then. */
static inline struct queue queue_take(struct queue *q)
{
	struct queue all = *q;

	*q = (struct queue){ 0 };
	return all;
}

#endif
