/* SPDX-License-Identifier: Apache-2.0 */
/* called - what breakers and upstreams count, for the probes and the metrics. */
#ifndef OBSERVE_CALLED_H
#define OBSERVE_CALLED_H

#include "gateway/upstream/upstream.h"

struct exposition;

/* Whether a breaker lets nothing through, or only a few. */
bool called_is_stopped(struct breakers *breakers);

/* ,"breakers":{"calls-to-orders":"open"}: those that are not closed; "" if all
   are. In arena. */
const char *called_states(struct breakers *breakers, struct arena *arena);

/* Their families of the metrics page. */
void called_write(struct breakers *breakers, const struct upstreams *upstreams,
		  struct exposition *x);

#endif
