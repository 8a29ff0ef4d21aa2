/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer - the broker's end of a connection, as a test wants it: it listens on
 * loopback, and a function of the test plays the broker byte by byte. For what
 * no real broker does.
 */
#ifndef TESTS_FAKE_PEER_H
#define TESTS_FAKE_PEER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
	int listener, fd;
	unsigned port;
	pthread_t thread;
	void (*play)(struct peer *p);	/* with fd connected; once */
	void *ctx;			/* the test's */
	unsigned heartbeat;		/* that peer_greet() asks for, s */
	_Atomic unsigned beats;		/* heartbeats that came */
};

/* Listen and let play() have the first connection. */
void peer_start(struct peer *p, void (*play)(struct peer *p));
/* Joins; play() must come to its end when its socket is closed. */
void peer_stop(struct peer *p);

/* All of connection and first channel, as a well-behaved broker does it. */
void peer_greet(struct peer *p);
/* The next frame that is no heartbeat: class << 16 | method, or 0: closed. */
uint32_t peer_read(struct peer *p);
/* Frames and methods; args are bytes as they stand in AMQP. */
void peer_frame(struct peer *p, unsigned type, unsigned channel,
		const void *bytes, size_t len);
void peer_method(struct peer *p, unsigned channel, uint32_t id,
		 const void *args, size_t len);
void peer_send(struct peer *p, const void *bytes, size_t len);
/* Read frames and forget them until the other side closes; counts beats. */
void peer_drain(struct peer *p);
/* The same with bytes of any kind. */
void peer_sink(struct peer *p);

#define PEER_METHOD(p, channel, id, args) \
	peer_method(p, channel, id, args, sizeof(args) - 1)

#endif
