/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject - events that enter by POST /events/{exchange}/{routingKey} (D25).
 *
 * One request becomes one message for every amqp route whose binding matches,
 * under that route's queue; the request is answered when all are through.
 */
#ifndef PIPELINE_INJECT_H
#define PIPELINE_INJECT_H

struct engine;
struct gantry_message;

/* Takes the request, which was admitted already. */
void inject_run(struct engine *engine, struct gantry_message *request);

#endif
