/* SPDX-License-Identifier: Apache-2.0 */
/* consumed - what the consumer counts, as lines of the metrics page. */
#ifndef OBSERVE_CONSUMED_H
#define OBSERVE_CONSUMED_H

#include "gateway/base/arena.h"
#include "gateway/source/amqp/consumer.h"

/* "" if c is NULL. */
const char *consumed_metrics(struct consumer *c, struct arena *arena);

#endif
