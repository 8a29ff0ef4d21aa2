/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look - what an id in a path stands for: an allocation of the inventory side, a
 * request of ours that waits, or one that has ended.
 */
#ifndef OPTIMISTIC_LOOK_H
#define OPTIMISTIC_LOOK_H

#include "optimistic.h"

/*
 * NEXT: *id_out is an id of the inventory side, or *waiting_out the record of
 * what waits. Else the verdict, with the answer: it is unknown, or was refused.
 */
enum gantry_verdict look_up(struct gantry_message *m, const char **id_out,
			    const json_t **waiting_out, struct gantry_error *err);

#endif
