/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paths - the table of what the admin API has: each method and path with the
 * right that it needs and what it is for. Whoever describes the API reads it
 * from here.
 */
#ifndef ADMIN_PATHS_H
#define ADMIN_PATHS_H

#include <stdbool.h>

struct admin;
struct admin_job;
struct gantry_message;

enum admin_access {
	ADMIN_BY_RIGHT,			/* a session or token with the right */
	ADMIN_BY_SOCKET,		/* a peer of the unix socket alone */
	ADMIN_BY_TICKET,		/* our own page, with what it brings */
};

struct admin_path {
	const char *method;
	const char *path;		/* "/admin/api/dead-letters/{ref}/retry" */
	const char *right;		/* beside the role for all of it */
	const char *summary;		/* one line */
	void (*work)(struct admin *admin, struct admin_job *job);
	/* on the loop, at once: that must work while the storage is away */
	bool at_once;
	enum admin_access access;
};

/* All of them, the end has no method. */
extern const struct admin_path admin_paths[];

/*
 * What m asks for; {ref} and {name} go into job. NULL: no such path, or, with
 * *allowed_out set to "GET, POST" in m's arena, no such method; *near_out is
 * then one with that path.
 */
const struct admin_path *paths_find(struct gantry_message *m, struct admin_job *job,
				    const char **allowed_out,
				    const struct admin_path **near_out);

#endif
