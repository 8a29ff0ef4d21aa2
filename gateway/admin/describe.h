/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe - the admin listener in the words of OpenAPI (gantry/describe.h):
 * what "gantry spec openapi --admin" writes, and the tests hold answers against.
 */
#ifndef ADMIN_DESCRIBE_H
#define ADMIN_DESCRIBE_H

struct admin_description {
	const char *method;		/* "get" */
	const char *path;		/* with {name} for what varies */
	const char *right;		/* beside the role for all; NULL: open */
	const char *id, *summary;
	const char *operation;		/* JSON text as of a handler */
};

/* NULL at the end. */
extern const struct admin_description *const admin_descriptions[];
extern const char admin_schemas[];	/* that they refer to */

#endif
