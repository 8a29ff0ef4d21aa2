/* SPDX-License-Identifier: Apache-2.0 */
/*
 * declare - one thing of the topology at the broker: is it there, is it as it
 * should be, make it. Knows nothing of the others.
 */
#ifndef AMQP_DECLARE_H
#define AMQP_DECLARE_H

#include "gateway/source/amqp/topology.h"

/*
 * Set the state and what was said of an exchange or queue. It is asked for
 * passively, and then declared as it should be: that changes nothing when it
 * is there, and the broker names the argument that differs. 0, or -1: the
 * connection is lost.
 */
int declare_look(struct broker *b, struct topology_item *item,
		 struct gantry_error *err);
/* Make what is missing, or a binding. The same. */
int declare_make(struct broker *b, struct topology_item *item,
		 struct gantry_error *err);

#endif
