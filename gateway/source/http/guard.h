/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard - what RFC 9112 calls an invalid head is refused before anything else
 * looks at it (D34). libmicrohttpd before 1.0 lets most of it pass. Pure.
 */
#ifndef SOURCE_HTTP_GUARD_H
#define SOURCE_HTTP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_MAX_HEADERS 100

/* The headers that Gantry itself reads; each may stand once. */
enum guard_known {
	GUARD_HOST,
	GUARD_CONTENT_LENGTH,
	GUARD_TRANSFER_ENCODING,
	GUARD_AUTHORIZATION,
	GUARD_CONTENT_TYPE,
	GUARD_IDEMPOTENCY_KEY,
	GUARD_CORRELATION_ID,
	GUARD_TRACEPARENT,
	GUARD_KNOWN
};

struct guard {
	bool http_1_1;
	unsigned n_headers;
	size_t bytes;			/* of all header lines */
	const char *known[GUARD_KNOWN];
	size_t known_len[GUARD_KNOWN];
	unsigned times[GUARD_KNOWN];
	const char *code, *message;	/* why refused; NULL: fine so far */
};

void guard_begin(struct guard *guard, const char *method, const char *version);
/* One header line, value without white space around it. */
void guard_header(struct guard *guard, const char *name, size_t name_len,
		  const char *value, size_t value_len);
/*
 * The head is whole. *length_out is the Content-Length, 0 without one, -1 for
 * a chunked body. False if the head is refused: code and message say why.
 */
bool guard_end(struct guard *guard, int64_t max_body, int64_t *length_out);

/* application/json in any case, with parameters, charset only utf-8. */
bool guard_is_json(const char *content_type);

#endif
