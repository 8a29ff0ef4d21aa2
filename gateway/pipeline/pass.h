/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass - what gantry/pass.h promises: which headers go on in either direction,
 * and a message's answer that is an upstream's.
 */
#ifndef PIPELINE_PASS_H
#define PIPELINE_PASS_H

#include "gateway/pipeline/message.h"

struct call;

/* The call of the ask at a position; it is there and has an answer. */
const struct call *pass_call(const struct gantry_message *m, unsigned position);

/*
 * m->answer is what call brought: nothing of its body is copied. headers, n of
 * them, are the handlers' own and stand before those of the upstream.
 */
void pass_answer(struct gantry_message *m, const struct call *call,
		 const struct message_pair *headers, unsigned n);

#endif
