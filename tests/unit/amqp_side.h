/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_side - a broker (our end) and up to two peers (tests/fake/peer.h). */
#ifndef TESTS_AMQP_SIDE_H
#define TESTS_AMQP_SIDE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "gateway/source/amqp/broker.h"
#include "tests/fake/peer.h"

struct side {
	struct peer peers[2];
	unsigned n;
	struct config_endpoint endpoints[2];
	char texts[2][32];
	struct config_amqp amqp;
	struct broker *broker;
	struct gantry_error err;
	int64_t began_ns;
};

/* A broker for as many peers as there are plays; nothing is open yet. */
static inline void side_begin(struct side *s, void (*first)(struct peer *),
		       void (*second)(struct peer *))
{
	void (*const plays[])(struct peer *) = { first, second };

	s->n = second != NULL ? 2 : 1;
	s->amqp = (struct config_amqp){ .user = "gantry", .vhost = "/",
					.heartbeat = 1000,
					.connect_timeout = 500,
					.endpoints = s->endpoints,
					.n_endpoints = s->n };
	for (unsigned i = 0; i < s->n; i++) {
		if (s->peers[i].heartbeat == 0)
			s->peers[i].heartbeat = 1;
		peer_start(&s->peers[i], plays[i]);
		snprintf(s->texts[i], sizeof(s->texts[i]), "h%u", i + 1);
		s->endpoints[i] = (struct config_endpoint){
			"127.0.0.1", (int)s->peers[i].port, s->texts[i] };
	}
	s->broker = broker_new(&(struct broker_options){
		&s->amqp, "hush", "gantry test", false });
	s->began_ns = clock_steady_ns();
}

static inline void side_end(struct side *s)
{
	broker_free(&s->broker);
	for (unsigned i = 0; i < s->n; i++)
		peer_stop(&s->peers[i]);
	error_fini(&s->err);
}

static inline int64_t side_ms(const struct side *s)
{
	return (clock_steady_ns() - s->began_ns) / 1000000;
}

#endif
