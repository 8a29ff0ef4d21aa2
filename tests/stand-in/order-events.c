/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order-events - handlers that stand in for the shipped ones; open and close
 * are told by an environment variable.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/stand-in/stand-in.h"

struct order_events {
	bool auto_allocate, broken;
};

static const struct gantry_option *const order_events_options[] = {
	GANTRY_BOOLEAN(struct order_events, auto_allocate, .fallback = "true",
		       .summary = "Whether to allocate."),
	GANTRY_BOOLEAN(struct order_events, broken,
		       .summary = "Does not open."),
	NULL
};

static const struct gantry_handler *const order_events_handlers[] = {
	STAND_IN("created"), STAND_IN("confirmed"), STAND_IN("cancelled"),
	STAND_IN("return_initiated"), NULL
};

static const struct gantry_backlog *const order_events_backlogs[] = {
	GANTRY_BACKLOG(.name = "orders", .summary = "Stand in line.", .counts = "n",
		       .waiting = "order"),
	NULL
};

static int order_events_open(void *self, const struct gantry_instance *instance,
			     struct gantry_error *err)
{
	const struct order_events *o = self;

	if (o->broken)
		return gantry_fail(err, "does not want to");
	setenv("TEST_OPENED", gantry_instance_name(instance), 1);
	setenv("TEST_SERVICE", gantry_instance_service(instance), 1);
	return 0;
}

static void order_events_close(void *self)
{
	(void)self;
	unsetenv("TEST_OPENED");
}

GANTRY_PLUGIN(.name = "order-events", .version = "1", .summary = "Stands in.",
	      .instance_size = sizeof(struct order_events),
	      .options = order_events_options, .open = order_events_open,
	      .close = order_events_close, .handlers = order_events_handlers,
	      .backlogs = order_events_backlogs);
