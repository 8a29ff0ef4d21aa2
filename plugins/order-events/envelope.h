/* SPDX-License-Identifier: Apache-2.0 */
/* envelope - what stands around the payload of every order event. */
#ifndef ORDER_EVENTS_ENVELOPE_H
#define ORDER_EVENTS_ENVELOPE_H

#include <gantry/plugin.h>

/* What stands before the name of a payload's member in a problem. */
#define ENVELOPE_PAYLOAD "payload."

/*
 * The payload, an object, of an event of this type. NULL with problems if it
 * is none; other problems of the envelope may have been added beside a payload
 * that is one, so that all are heard at once.
 */
const json_t *envelope_payload(struct gantry_message *m, const char *type,
			       struct gantry_error *err);

/* Reject for the problems that were found. */
enum gantry_verdict envelope_reject(struct gantry_error *err);

#endif
