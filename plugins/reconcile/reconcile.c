/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile - compares what the Order Service says with what is held (D29), and
 * mends it by the commands that traffic uses, each with the versions that were
 * read as its condition.
 */
#include "reconcile.h"

#define DAY INT64_C(86400000)

static const char *const modes[] = { "off", "report", "propose", "auto", NULL };
static const char *const looks[] = { "off", "report", NULL };

#define MODE(name, text)                                              \
	GANTRY_CHOICE(struct reconcile, name, .fallback = "propose",  \
		      .choices = modes, .summary = text)

static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct reconcile, order_service, .flags = GANTRY_OPTION_UPSTREAM,
		    .fallback = "order-service",
		    .summary = "The upstream that knows the orders"),
	GANTRY_DURATION(struct reconcile, grace, .fallback = "5m", .max = 30 * DAY,
			.summary = "What moved so recently is not judged"),
	GANTRY_DURATION(struct reconcile, unsent_after, .fallback = "10m", .min = 1000,
			.max = 365 * DAY,
			.summary = "Events that wait for longer are reported"),
	GANTRY_DURATION(struct reconcile, ttl, .fallback = "24h", .min = 1000,
			.max = 3650 * DAY,
			.summary = "How long an allocation is held that was missing"),
	GANTRY_INTEGER(struct reconcile, page, .fallback = "20", .min = 1, .max = 20,
		       .summary = "Orders that one message looks at"),
	MODE(missing, "Items of orders for which nothing is held"),
	MODE(orphan, "Orders and allocations that the Order Service does not know"),
	MODE(status, "Orders with another status"),
	MODE(quantity, "Allocations of another quantity"),
	MODE(expired, "Allocations whose time is over"),
	MODE(counters, "Items of which something else is reserved than is held"),
	GANTRY_CHOICE(struct reconcile, unsent, .fallback = "report", .choices = looks,
		      .summary = "Events that wait to be published"),
	MODE(unverified, "Allocations made while the Order Service was away"),
	NULL
};

enum drift_mode reconcile_mode(const struct reconcile *r, enum drift_class class)
{
	const int64_t all[DRIFT_CLASSES] = {
		[DRIFT_MISSING] = r->missing, [DRIFT_ORPHAN] = r->orphan,
		[DRIFT_STATUS] = r->status, [DRIFT_QUANTITY] = r->quantity,
		[DRIFT_EXPIRED] = r->expired, [DRIFT_COUNTERS] = r->counters,
		[DRIFT_UNSENT] = r->unsent, [DRIFT_UNVERIFIED] = r->unverified,
	};

	return (enum drift_mode)all[class];
}

static const struct gantry_handler *const handlers[] = {
	&plan_handler, &run_handler, &apply_handler, &report_handler, NULL
};

GANTRY_PLUGIN(.name = "reconcile", .version = "1.0.0",
	      .summary = "Finds and mends what differs from the Order Service",
	      .threads = GANTRY_PARALLEL, .instance_size = sizeof(struct reconcile),
	      .options = options, .handlers = handlers);
