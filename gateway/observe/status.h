/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - /livez, /readyz and /metrics of the admin listener.
 */
#ifndef OBSERVE_STATUS_H
#define OBSERVE_STATUS_H

#include "gateway/commit/committer.h"
#include "gateway/source/amqp/consumer.h"
#include "gateway/source/amqp/publisher.h"
#include "gateway/source/http/http.h"
#include "gateway/upstream/upstream.h"

struct status {
	const struct engine *engine;
	const struct committer *committer;
	const struct publisher *publisher;	/* NULL: no broker */
	struct consumer *consumer;		/* NULL: no broker, or no queues */
	struct breakers *breakers;
	const struct upstreams *upstreams;
	_Atomic int stopping;
};

#define STATUS_PAGES 3

/* For struct http_ops: pages, with a struct status as their ctx. */
extern const struct http_page status_pages[STATUS_PAGES];

#endif
