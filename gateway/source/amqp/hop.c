/* SPDX-License-Identifier: Apache-2.0 */
/* hop - see hop.h. */
#include "gateway/source/amqp/hop.h"

#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/pipeline/envelope.h"

static unsigned hop_min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The last tier repeats for as long as the upstream is away. */
static struct hop_decision hop_wait(const struct hop_case *c)
{
	struct hop_decision d = { .attempts = c->attempts, .waits = c->waits + 1 };

	if (c->n_tiers == 0)
		return (struct hop_decision){ .action = HOP_HOLD,
					      .attempts = c->attempts };
	d.action = HOP_RETRY;
	d.tier = hop_min(c->attempts + c->waits, c->n_tiers - 1);
	return d;
}

static struct hop_decision hop_retry(const struct hop_case *c)
{
	struct hop_decision d = { .attempts = c->attempts + 1 };

	d.action = c->attempts < c->n_tiers ? HOP_RETRY : HOP_DEAD;
	d.tier = d.action == HOP_RETRY ? c->attempts : 0;
	if (d.action == HOP_DEAD)
		d.cause = c->code != NULL ? c->code : "INTERNAL_ERROR";
	return d;
}

/* A full queue of our own is nobody's fault either. */
static bool hop_is_held(const struct hop_case *c)
{
	return c->dependency == GANTRY_DEPENDS_ON_STORAGE ||
	       c->dependency == GANTRY_DEPENDS_ON_BROKER ||
	       (c->code != NULL && strcmp(c->code, "OVERLOADED") == 0);
}

struct hop_decision hop_decide(const struct hop_case *c)
{
	switch (c->verdict) {
	case GANTRY_DONE:
	case GANTRY_NEXT:
		return (struct hop_decision){ .action = HOP_ACK,
					      .attempts = c->attempts };
	case GANTRY_REJECTED:
		return (struct hop_decision){
			.action = HOP_DEAD,
			.attempts = c->attempts + 1,
			.cause = c->code != NULL ? c->code : "VALIDATION_ERROR",
		};
	case GANTRY_FAILED:
		break;
	}
	if (hop_is_held(c))
		return (struct hop_decision){ .action = HOP_HOLD,
					      .attempts = c->attempts };
	if (c->dependency == GANTRY_DEPENDS_ON_UPSTREAM)
		return hop_wait(c);
	return hop_retry(c);
}

/* Nothing is cut inside of a character. */
static char *hop_cut(char *text)
{
	size_t len = strlen(text);

	if (len <= HOP_MAX_TEXT)
		return text;
	len = HOP_MAX_TEXT;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	text[len] = '\0';
	return text;
}

const char *hop_text(struct arena *arena, const struct gantry_error *err)
{
	return hop_cut(envelope_summary(arena, err));
}
