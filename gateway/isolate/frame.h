/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame - a message on its way into a helper process, and what the handler said
 * on its way back.
 *
 * The way back goes through the same functions that a handler in this process
 * calls, so what they refuse is refused here; nothing of it is believed.
 */
#ifndef ISOLATE_FRAME_H
#define ISOLATE_FRAME_H

#include "gateway/isolate/wire.h"
#include "gateway/pipeline/message.h"

enum frame_work { FRAME_HANDLE = 1, FRAME_SETTLE = 2 };

/* In the gateway. */
void frame_put_request(struct wire_pen *pen, enum frame_work work, unsigned handler,
		       const struct gantry_message *m);
/*
 * Take what the handler said into the message; its verdict, or FAILED with err
 * when it is nonsense.
 */
enum gantry_verdict frame_take_reply(struct wire_eye *eye, struct gantry_message *m,
				     struct gantry_error *err);

/* In the helper; -1: the frame is none. The message is empty, its route has one
   step. What it holds lives as long as the eye's bytes. */
int frame_take_request(struct wire_eye *eye, enum frame_work *work_out,
		       unsigned *handler_out, struct gantry_message *m);
/* before: the message's effects when its handler was called. */
void frame_put_reply(struct wire_pen *pen, const struct gantry_message *m,
		     enum gantry_verdict verdict, const struct effects *before);

#endif
