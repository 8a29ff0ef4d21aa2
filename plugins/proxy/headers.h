/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers - which of a request's headers go on, and what is added about whose
 * request it was. Knows messages, and no upstream.
 */
#ifndef PROXY_HEADERS_H
#define PROXY_HEADERS_H

#include <gantry/plugin.h>

/* What the next one hears about the client; see gantry-proxy(7). */
enum headers_forwarded {
	HEADERS_SET,		/* what we see; what the client says goes */
	HEADERS_ADD,		/* what we see, behind what stands there */
	HEADERS_OFF,		/* nothing */
};

/* For gantry_request.headers; lives as long as the message. */
const char *const *headers_make(struct gantry_message *m, enum headers_forwarded how);

#endif
