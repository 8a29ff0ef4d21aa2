/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker - one connection to the broker, with every wait bounded.
 *
 * It logs in, keeps the heartbeat, hears "blocked" and says clearly why a
 * connection ended. What is published, consumed and declared is its caller's.
 * A broker belongs to one thread: librabbitmq locks nothing.
 *
 * After -1 the connection is lost: broker_close(), sleep broker_backoff_ms()
 * on something that can wake you, broker_open(). Errors depend on the broker
 * (GANTRY_DEPENDS_ON_BROKER).
 */
#ifndef AMQP_BROKER_H
#define AMQP_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/error.h"
#include "gateway/config/config.h"
#include "gateway/source/amqp/library.h"

/* Version of the library. */
const char *broker_library(void);

/* What librabbitmq may take for an answer of the broker. */
#define BROKER_RPC_MS 15000
/*
 * Least stack of a thread that owns a broker: the library decodes nested
 * headers by recursion, and a frame has room for 26,000 levels. That is what a
 * thread has by default, unless somebody lowers it (ulimit -s).
 */
#define BROKER_STACK (4 << 20)
/* Channel that broker_open() opens. */
#define BROKER_CHANNEL 1

struct broker;

struct broker_options {
	const struct config_amqp *amqp;	/* outlives the broker */
	const char *password;	/* NULL: from amqp->password_file, each time */
	const char *name;	/* as the broker shows the connection; copied */
	bool confirms;		/* confirm.select on the first channel */
};

struct broker *broker_new(const struct broker_options *options);
/* Drops what is open. Accepts NULL. */
void broker_free(struct broker **broker);

/*
 * Try each endpoint once, from the one after the last that was lost. 0, or -1
 * with what each of them said. Takes connect_timeout for each at most (and
 * what looking up its name takes).
 */
int broker_open(struct broker *b, struct gantry_error *err);
/* Within 1 s politely if it is up, else the socket is dropped. */
void broker_close(struct broker *b);
bool broker_is_open(const struct broker *b);
/* "h1:5672": the endpoint of this connection, or of the last attempt. */
const char *broker_endpoint(const struct broker *b);

/* For the library's calls; NULL while closed. */
amqp_connection_state_t broker_connection(struct broker *b);
/* Open one more channel; 0 or -1. */
int broker_channel(struct broker *b, amqp_channel_t channel,
		   struct gantry_error *err);

int broker_channel_close(struct broker *b, amqp_channel_t channel,
			 struct gantry_error *err);

/*
 * The next frame: 1, 0 if none came in time, -1 lost. Call it at least every
 * broker_pause_ms(): it sends heartbeats and notices a silent peer. Heartbeats,
 * blocked, unblocked and connection.close are not handed out. With TLS bytes
 * may wait inside: poll broker_fd() only after this has returned 0.
 */
int broker_wait(struct broker *b, int64_t timeout_ms, amqp_frame_t *frame_out,
		struct gantry_error *err);
/*
 * The same, but the next one of a channel; those of others are kept for
 * broker_wait() (64 at most).
 */
int broker_next(struct broker *b, amqp_channel_t channel, int64_t timeout_ms,
		amqp_frame_t *frame_out, struct gantry_error *err);
/* The peer sent nonsense, "it sent WHAT": the connection is lost. -1. */
int broker_give_up(struct broker *b, const char *what, struct gantry_error *err);
/* Longest time between two calls of broker_wait(). */
int64_t broker_pause_ms(const struct broker *b);
int broker_fd(const struct broker *b);		/* -1 while closed */
/* The broker asked us to publish nothing for now. */
bool broker_is_blocked(const struct broker *b);
/* Memory of the frames seen so far; call it when they are dealt with. */
void broker_release(struct broker *b);
void broker_release_channel(struct broker *b, amqp_channel_t channel);

/*
 * Around each publish and each call that talks to the broker: the socket is
 * shut down if unguard does not come within ms.
 */
void broker_guard(struct broker *b, int64_t ms);
void broker_unguard(struct broker *b);

/*
 * What the last synchronous call on channel (amqp_queue_declare...) came to: 0, or -1
 * with "what: NOT_FOUND - no queue 'x' ...". When the broker closed the channel
 * for it, that is confirmed here, *code_out (may be NULL) is its reply code
 * (404, 406), and broker_channel() opens it again; else *code_out is 0 and the
 * connection is lost.
 */
int broker_reply(struct broker *b, amqp_channel_t channel, const char *what,
		 unsigned *code_out, struct gantry_error *err);
/*
 * The same for a channel.close that broker_wait() handed out. Returns its
 * reply code.
 */
unsigned broker_channel_closed(struct broker *b, const amqp_frame_t *frame,
			       struct gantry_error *err);
/* 0 if status is AMQP_STATUS_OK, else -1 with "what: ...". */
int broker_status(struct broker *b, const char *what, int status,
		  struct gantry_error *err);

/*
 * How long to wait before the next broker_open(): full jitter, growing from
 * 100 ms to 10 s with each opening since a connection that held for 10 s.
 */
int64_t broker_backoff_ms(struct broker *b);
/* The same by number of openings and a random number. */
int64_t broker_backoff(unsigned openings, uint64_t random);

#endif
