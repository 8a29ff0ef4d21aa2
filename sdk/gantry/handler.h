/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handler - one step of a pipeline.
 *
 * handle: from a message to a verdict and staged effects. It must not act on
 * the world by itself and must give the same effects for the same message,
 * time and answers: the core may run it again. It may keep counters in self
 * according to its thread model.
 *
 * settle: renders the reply from the outcomes and may stage publishes, inside
 * the unit. Pure: no I/O, no lock, no ask; keep it under 10 us. NULL if the
 * handler has no need. -1 is never returned; anything outside the enum counts
 * as GANTRY_FAILED.
 */
#ifndef GANTRY_HANDLER_H
#define GANTRY_HANDLER_H

#include <stdbool.h>

#include <gantry/message.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gantry_handler {
	size_t size;
	const char *name;		/* "create" in "allocate.create" */
	const char *summary;		/* one line */
	enum gantry_verdict (*handle)(void *self, struct gantry_message *m,
				      struct gantry_error *err);
	enum gantry_verdict (*settle)(const void *self,
				      struct gantry_message *m,
				      struct gantry_error *err);
	bool verbatim;			/* requests are handed on as they came
					   (gantry/pass.h): of any content type;
					   no answer is kept by Idempotency-Key,
					   that is for whom they go to */
};

#define GANTRY_HANDLER(...)                                      \
	&(const struct gantry_handler)                           \
	{                                                        \
		.size = sizeof(struct gantry_handler), __VA_ARGS__ \
	}

#ifdef __cplusplus
}
#endif

#endif
