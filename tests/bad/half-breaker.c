/* SPDX-License-Identifier: Apache-2.0 */
/* half-breaker - a breaker that can only be asked. */
#include <gantry/plugin.h>

static bool permit(void *self, int64_t now_ms, struct gantry_permit *permit_out,
		   int64_t *wait_ms_out)
{
	(void)self, (void)now_ms, (void)permit_out, (void)wait_ms_out;
	return true;
}

static const struct gantry_breaker half = {
	.size = sizeof(struct gantry_breaker), .permit = permit,
};

GANTRY_PLUGIN(.name = "half-breaker", .version = "1", .summary = "Is broken.",
	      .breaker = &half);
