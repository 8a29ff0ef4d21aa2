/* SPDX-License-Identifier: Apache-2.0 */
/*
 * affinity - which lane a message goes to (DESIGN.md 3).
 *
 * By its first item, as items are what lanes would fight over; but a message
 * that shares an order or an idempotency key with one that is in flight goes
 * where that one is. It saves lanes from waiting for each other and decides
 * nothing: row locks make it right, so what does not fit is left out. With one
 * lane there is none.
 */
#ifndef COMMIT_AFFINITY_H
#define COMMIT_AFFINITY_H

#include "gateway/pipeline/message.h"

struct affinity;

/* For 2 lanes or more. */
struct affinity *affinity_new(unsigned lanes);
/* All messages must have been released. NULL is fine. */
void affinity_free(struct affinity **affinity);

/*
 * The lane of a message, whose names stay with that lane until the message is
 * released. Any thread.
 */
unsigned affinity_claim(struct affinity *affinity, struct gantry_message *m);
/* It is finished, or goes back to its start. Twice is fine. Any thread. */
void affinity_release(struct affinity *affinity, struct gantry_message *m);

#endif
