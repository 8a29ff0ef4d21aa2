/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - /livez and /readyz of the admin listener. What it
 * knows is page.c's, too, for /metrics.
 */
#ifndef OBSERVE_STATUS_H
#define OBSERVE_STATUS_H

#include "gateway/commit/committer.h"
#include "gateway/source/amqp/consumer.h"
#include "gateway/source/amqp/publisher.h"
#include "gateway/source/http/http.h"
#include "gateway/upstream/upstream.h"

struct census;
struct metrics;
struct traces;

struct status {
	struct metrics *metrics;	/* of meters.h */
	const struct engine *engine;
	const struct committer *committer;
	const struct publisher *publisher;	/* NULL: no broker */
	struct consumer *consumer;		/* NULL: no broker, or no queues */
	_Atomic(struct http *) api;	/* NULL: it does not listen yet */
	struct census *census;		/* NULL: nobody counts dead letters */
	struct breakers *breakers;
	const struct upstreams *upstreams;
	const struct traces *traces;	/* NULL: tracing is off */
	_Atomic int stopping;
};

#define STATUS_PAGES 3

/* page.c: all metrics, in the text format of Prometheus. */
void page_render(void *status, struct arena *arena, int *http_status,
		 const char **type, const char **text, size_t *len);

/* For struct http_ops: pages, with a struct status as their ctx. */
extern const struct http_page status_pages[STATUS_PAGES];

#endif
