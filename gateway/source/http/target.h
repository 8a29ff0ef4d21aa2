/* SPDX-License-Identifier: Apache-2.0 */
/* target - the request's target: path, query, percent-encoding. Pure. */
#ifndef SOURCE_HTTP_TARGET_H
#define SOURCE_HTTP_TARGET_H

#include "gateway/pipeline/route.h"

struct arena;

#define TARGET_MAX_QUERY 64

/*
 * Cut a raw target in two: *path_out (of "http://host/path" only what follows
 * the host) and *query_out (NULL if there is no '?'). Changes text in place.
 * False if it is no target that RFC 9112 allows here.
 */
bool target_split(char *text, const char **path_out, char **query_out);

/* Percent-decoded copy; NULL for a bad escape or %00. */
const char *target_decode(const char *text, size_t len, bool plus_is_space,
			  struct arena *arena);

/*
 * The query's arguments, decoded. False for bad escapes or too many; an
 * empty argument is left out.
 */
bool target_query(const char *query, struct arena *arena,
		  struct message_pair **pairs_out, unsigned *n_out);

/* Whether text is a traceparent as W3C Trace Context, version 00, has it;
   later versions are accepted by their first four fields. */
bool target_is_traceparent(const char *text);

#endif
