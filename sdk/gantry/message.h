/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - one unit of traffic on its way through Gantry, as a handler sees
 * it.
 *
 * Everything returned here belongs to the core and lives as long as the
 * message; nothing is to be freed or changed. All functions may be called from
 * the thread that runs the handler, during that call only. Texts end with NUL.
 */
#ifndef GANTRY_MESSAGE_H
#define GANTRY_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>

#include <gantry/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gantry_message;

enum gantry_source {
	GANTRY_SOURCE_HTTP = 1,
	GANTRY_SOURCE_AMQP = 2,		/* also events that enter by HTTP */
	GANTRY_SOURCE_SCHEDULE = 3,
	GANTRY_SOURCE_ADMIN = 4,
};

enum gantry_level {
	GANTRY_LOG_DEBUG = 0,
	GANTRY_LOG_INFO = 1,
	GANTRY_LOG_WARNING = 2,
	GANTRY_LOG_ERROR = 3,
};

/* Where the message came in. Level 1. */
enum gantry_source gantry_source(const struct gantry_message *m);

/*
 * The id of the message: an event's id (D20), else one minted by the core.
 * Never NULL; opaque printable text. Level 1.
 */
const char *gantry_id(const struct gantry_message *m);

/* The correlation id (D14). Never NULL. Level 1. */
const char *gantry_correlation_id(const struct gantry_message *m);

/* HTTP method; "" for other sources. Level 1. */
const char *gantry_method(const struct gantry_message *m);

/* HTTP path, percent-decoded by segment; the routing key for events. Level 1. */
const char *gantry_path(const struct gantry_message *m);

/* The part of the path that the route calls {name}, decoded, or NULL. Level 1. */
const char *gantry_param(const struct gantry_message *m, const char *name);

/* The first query argument of that name, decoded, or NULL. Level 1. */
const char *gantry_query(const struct gantry_message *m, const char *name);

/*
 * A header of the request or of the event; names ignore case. NULL if absent.
 * Authorization is never shown. Level 1.
 */
const char *gantry_header(const struct gantry_message *m, const char *name);

/* The bytes that came in; *len_out is their number, 0 for none. Level 1. */
const char *gantry_body(const struct gantry_message *m, size_t *len_out);

/*
 * The body as JSON: parsed once, at most 32 levels deep, duplicate members
 * refused (D34). For an event this is the whole envelope. NULL if it is not
 * JSON, with err saying where; then return gantry_reject(err,
 * "VALIDATION_ERROR"). The tree is read-only. Level 1.
 */
const json_t *gantry_json(struct gantry_message *m, struct gantry_error *err);

/*
 * How often an event was tried before and failed by itself; 0 the first time.
 * -1: nobody counts, since somebody waits for the answer: requests, events over
 * HTTP, dead letters that are retried. Level 1.
 */
int gantry_attempts(const struct gantry_message *m);

/* Who sent it: the token's subject, "" without one. Level 1. */
const char *gantry_subject(const struct gantry_message *m);

/* Whether the sender has this role. Level 1. */
bool gantry_has_role(const struct gantry_message *m, const char *role);

/*
 * The time of the message in milliseconds since 1970, UTC. The same in every
 * run of its handlers; the unit that commits it decides by the storage's
 * clock. Level 1.
 */
int64_t gantry_now_ms(const struct gantry_message *m);

/*
 * A new id: prefix followed by a ULID. The n-th call of a run gives the same
 * id in every run. Level 1.
 */
const char *gantry_mint(struct gantry_message *m, const char *prefix);

/*
 * RFC 3339 text of len bytes, any offset and fraction, as milliseconds since
 * 1970 UTC. False if it is none, or outside the years 1970 to 9999. Level 1.
 */
bool gantry_parse_time(const char *text, size_t len, int64_t *ms_out);

/* Zeroed memory that lives as long as the message; never NULL. Level 1. */
void *gantry_alloc(struct gantry_message *m, size_t size);

/* Formatted text that lives as long as the message. Level 1. */
const char *gantry_format(struct gantry_message *m, const char *format, ...)
	GANTRY_PRINTF(2, 3);

/*
 * Log a line with the message's correlation id. Kept only if this run is the
 * one that counts. Where there is no message, as in a storage, m is NULL, and the
 * line is written at once. Never log tokens or bodies. Any thread. Level 1.
 */
void gantry_log(struct gantry_message *m, enum gantry_level level,
		const char *format, ...) GANTRY_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
