/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render - answers with the members and in the order that the API shows (D8,
 * D12), for settle: written straight, no trees.
 */
#ifndef ALLOCATIONS_RENDER_H
#define ALLOCATIONS_RENDER_H

#include <gantry/plugin.h>

/* {"success":true, ... */
struct gantry_writer *render_begin(struct gantry_message *m);
/* ...} and reply with it: DONE, or FAILED with err. */
enum gantry_verdict render_end(struct gantry_message *m, struct gantry_writer *w,
			       int status, struct gantry_error *err);

void render_allocation(struct gantry_writer *w, const char *name,
		       const struct gantry_allocation *allocation);
void render_item(struct gantry_writer *w, const char *name,
		 const struct gantry_item *item);
void render_return(struct gantry_writer *w, const char *name,
		   const struct gantry_return *expected);

/* The Location header: path and id, which is percent-encoded. */
int render_location(struct gantry_message *m, const char *path, const char *id,
		    struct gantry_error *err);

/* 200 with a row as the query gave it. */
enum gantry_verdict render_row(struct gantry_message *m, const json_t *row,
			       struct gantry_error *err);

/* settle of commands on one allocation; applied: the status if it moved. */
enum gantry_verdict render_one_allocation(struct gantry_message *m, int applied,
					  struct gantry_error *err);
/* The same for commands on one item. */
enum gantry_verdict render_one_item(struct gantry_message *m, int applied,
				    struct gantry_error *err);

#endif
