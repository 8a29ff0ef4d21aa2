/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass - hand a request on to an upstream as it came, and its answer back.
 *
 * A handler that does so says .verbatim in its descriptor (gantry/handler.h)
 * and in its request (gantry/ask.h). What belongs to one connection only, and
 * not to who is behind it, is kept back here in both directions (RFC 9110
 * 7.6.1): Connection and what it names, Keep-Alive, Proxy-*, TE, Trailer,
 * Transfer-Encoding, Upgrade, and with them Content-Length, Host and Expect.
 */
#ifndef GANTRY_PASS_H
#define GANTRY_PASS_H

#include <gantry/ask.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Path and query of the request as they came, percent-encoded: "/orders/a%20b?
 * full=true"; of "http://host/path" what is behind the host. "" for other
 * sources. Lives as long as the message. Level 1.
 */
const char *gantry_target(const struct gantry_message *m);

/*
 * Who is connected: "192.0.2.1", "2001:db8::1"; "" over a unix socket and for
 * other sources. That may be a proxy in between. Level 1.
 */
const char *gantry_peer(const struct gantry_message *m);

/* Whether the request came over TLS. Level 1. */
bool gantry_is_tls(const struct gantry_message *m);

/*
 * The headers of the request that may be passed on, as gantry_request.headers
 * has them, NULL at the end; those that the core sets in each call are left
 * out, too (Authorization, X-Correlation-ID, traceparent, tracestate). Lives
 * as long as the message; the same list in each run. Level 1.
 */
const char *const *gantry_headers_to_pass(struct gantry_message *m);

/*
 * Answer as the upstream did: its status, its body and its headers, not copied.
 * Of several replies the last counts; gantry_reply_header() adds to it. answer
 * is what gantry_call() gave for this message. 0, or -1 with err: its status is
 * none of 200 to 599, or the handler is not .verbatim. Level 1.
 */
int gantry_reply_answer(struct gantry_message *m,
			const struct gantry_answer *answer,
			struct gantry_error *err);

#ifdef __cplusplus
}
#endif

#endif
