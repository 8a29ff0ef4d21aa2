/* SPDX-License-Identifier: Apache-2.0 */
/* frame_private - what the files of frame.h share. */
#ifndef ISOLATE_FRAME_PRIVATE_H
#define ISOLATE_FRAME_PRIVATE_H

#include "gateway/isolate/frame.h"

struct message_ask;

void frame_put_minted(struct wire_pen *pen, const struct gantry_message *m);
void frame_put_tree(struct wire_pen *pen, const json_t *tree);
void frame_put_error(struct wire_pen *pen, const struct gantry_error *err);
void frame_take_error(struct wire_eye *eye, struct gantry_error *err);
void frame_put_question(struct wire_pen *pen, const struct message_ask *ask);
/* Ask the same of m; the newest ask, or NULL if there is none. */
struct message_ask *frame_ask(struct wire_eye *eye, struct gantry_message *m,
			      struct gantry_error *err);
/* From ask on, the next whose answer the helper is told; NULL at the end. */
const struct message_ask *frame_sent(const struct gantry_message *m,
				     const struct message_ask *ask);

/* frame_effects.c: from this place of the list on, with their handler as 0 if it
   is this step, else 1. */
void frame_put_effects(struct wire_pen *pen, const struct effects *effects, size_t from,
		       int step);
/* Through the functions of gantry/effect.h; -1 with err for what they refuse. */
int frame_take_effects(struct wire_eye *eye, struct gantry_message *m,
		       struct gantry_error *err);
/* As they stand, with their handlers, into an empty list. */
void frame_fill_effects(struct wire_eye *eye, struct gantry_message *m);

/* frame_outcomes.c */
void frame_put_outcomes(struct wire_pen *pen, const struct gantry_message *m);
void frame_take_outcomes(struct wire_eye *eye, struct gantry_message *m);

#endif
