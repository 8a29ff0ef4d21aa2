/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe - the admin listener in the words of OpenAPI (gantry/describe.h):
 * what "gantry spec openapi --admin" writes, and the tests hold answers against.
 * Which paths there are, and who may, paths.h says.
 */
#ifndef ADMIN_DESCRIBE_H
#define ADMIN_DESCRIBE_H

/*
 * JSON text, as of a handler, of what the admin API takes and answers there;
 * NULL: nobody has described it.
 */
const char *describe_operation(const char *method, const char *path);

/* Pages beside the API, open to all; the end has no path. */
struct describe_page {
	const char *path, *summary, *operation;
};
extern const struct describe_page describe_pages[];

/* The one of the API's own listener. */
extern const struct describe_page describe_health;

/* JSON texts: schemas that all these refer to, and headers of every answer of the
   admin API, by the name of the header. */
extern const char describe_schemas[];
extern const char describe_headers[];
/* A Security Scheme Object: the cookie of the page. */
extern const char describe_session_scheme[];

#endif
