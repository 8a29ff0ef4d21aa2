/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers - the header table of a delivery: looked into, shown to handlers and
 * people, and written anew for the next hop.
 */
#ifndef AMQP_HEADERS_H
#define AMQP_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/pipeline/route.h"
#include "gateway/source/amqp/library.h"

struct arena;

/* Ours on what is republished. */
#define HEADERS_ATTEMPTS "x-gantry-attempts"
#define HEADERS_WAITS "x-gantry-waits"
#define HEADERS_CAUSE "x-gantry-cause"
#define HEADERS_ERROR "x-gantry-error"
#define HEADERS_HANDLER "x-gantry-handler"
#define HEADERS_QUEUE "x-gantry-queue"
#define HEADERS_EXCHANGE "x-gantry-exchange"
#define HEADERS_ROUTING_KEY "x-gantry-routing-key"
#define HEADERS_DIED_AT "x-gantry-died-at"
#define HEADERS_TRACEPARENT "x-gantry-traceparent"	/* of the hop; the sender's own
							   stays as it was */

/* Dead letters keep no more of them. */
#define HEADERS_MAX_JSON 4096

/* Text, copied, without NULs; NULL if it is not there or no text. */
const char *headers_text(const amqp_table_t *table, const char *key, struct arena *arena);
/* A whole number from 0 to most, else 0. */
int64_t headers_number(const amqp_table_t *table, const char *key, int64_t most);

/*
 * Those with text, without the broker's and ours, for gantry_header(); and the
 * property message_id, unless it is NULL, by its name.
 */
#define HEADERS_MESSAGE_ID "message_id"
const struct message_pair *headers_pairs(const amqp_table_t *table,
					 const char *message_id, struct arena *arena,
					 unsigned *n_out);
/* All but ours as a JSON object of HEADERS_MAX_JSON bytes at most; those of the trace
   before others. */
const char *headers_json(const amqp_table_t *table, struct arena *arena);

/* What the broker noted when it gave a message up by itself (x-death). */
struct headers_death {
	const char *reason, *queue, *exchange, *routing_key;	/* or NULL */
	int64_t at_ms;			/* 0: not said */
};
bool headers_death(const amqp_table_t *table, struct headers_death *out,
		   struct arena *arena);

/* What we note on a hop; texts that are NULL and dead's, if not dead, are left out. */
struct headers_notes {
	unsigned attempts, waits;
	const char *queue, *exchange, *routing_key;
	const char *cause, *error, *handler;	/* dead only */
	int64_t died_at_ms;			/* dead only; 0 otherwise */
	const char *traceparent;
};

/*
 * The table with the notes, without what the broker added on the way and what
 * would send it elsewhere. Shares the entries' memory.
 */
amqp_table_t headers_with(const amqp_table_t *table, const struct headers_notes *notes,
			  struct arena *arena);

/* Copied, ended by NUL; NULL if it holds a NUL. */
const char *headers_bytes_text(amqp_bytes_t bytes, struct arena *arena);

#endif
