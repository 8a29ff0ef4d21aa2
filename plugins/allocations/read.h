/* SPDX-License-Identifier: Apache-2.0 */
/* read - answers from queries, for all subjects. */
#ifndef ALLOCATIONS_READ_H
#define ALLOCATIONS_READ_H

#include <gantry/plugin.h>

/* 200 with the one row of a query by the id in the path, else code. */
enum gantry_verdict read_one(struct gantry_message *m, const char *query,
			     const char *code, struct gantry_error *err);

/*
 * 200 with all rows of a query by key; "next" if there are more than one
 * message may ask for, or if the request itself asked for a page.
 */
enum gantry_verdict read_all(struct gantry_message *m, const char *query,
			     const char *key, struct gantry_error *err);

/* 200 with one page as ?limit= and ?after= say, and "next" if more follow. */
enum gantry_verdict read_page(struct gantry_message *m, const char *query,
			      const char *key, struct gantry_error *err);

#endif
