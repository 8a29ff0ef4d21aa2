/* SPDX-License-Identifier: Apache-2.0 */
/* two-kinds - handlers and an auth. */
#include "tests/bad/bad.h"

static enum gantry_access two_kinds_authenticate(void *self,
						 struct gantry_message *m,
						 struct gantry_error *err)
{
	(void)self;
	(void)m;
	(void)err;
	return GANTRY_ACCESS_DENIED;
}

static const struct gantry_auth two_kinds_auth = {
	.size = sizeof(struct gantry_auth),
	.authenticate = two_kinds_authenticate,
};

GANTRY_PLUGIN(BAD_TEXTS("two-kinds"), .handlers = bad_handlers,
	      .auth = &two_kinds_auth);
