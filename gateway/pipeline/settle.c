/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle - runs the settle callbacks inside the unit, and gives them the
 * outcomes (gantry/outcome.h).
 */
#include "gateway/pipeline/engine_private.h"

int gantry_steps(const struct gantry_message *m)
{
	struct effect e;
	size_t cursor = 0;
	int n = 0;

	while (effects_next(&m->effects, &cursor, &e))
		n += e.kind == EFFECT_COMMAND && e.handler == m->step;
	return n;
}

int gantry_first_step(const struct gantry_message *m)
{
	struct effect e;
	size_t cursor = 0;
	int n = 0;

	while (effects_next(&m->effects, &cursor, &e)) {
		if (e.kind != EFFECT_COMMAND)
			continue;
		if (e.handler == m->step)
			break;
		n++;
	}
	return n;
}

const struct gantry_outcome *gantry_outcome(const struct gantry_message *m, int step)
{
	if (!m->settling || step < 0 || (unsigned)step >= m->n_outcomes)
		return NULL;
	return m->outcomes[step];
}

static enum gantry_verdict settle_one(struct gantry_message *m,
				      const struct route_step *step)
{
	struct pulse *pulse = m->engine != NULL ? &m->engine->pulse : NULL;
	int slot = pulse != NULL ? pulse_begin(pulse) : -1;
	const struct effects mark = m->effects;
	enum gantry_verdict verdict;

	verdict = step->handler->settle(step->instance->self, m, &m->error);
	if (pulse != NULL)
		pulse_end(pulse, slot);
	verdict = message_heed(m, verdict, &mark);
	switch (verdict) {
	case GANTRY_NEXT:
	case GANTRY_DONE:
		return GANTRY_DONE;
	case GANTRY_REJECTED:
	case GANTRY_FAILED:
		return verdict;
	}
	error_set(&m->error, "INTERNAL_ERROR", "%s.%s: settle gave verdict %d",
		  step->instance->name, step->handler->name, (int)verdict);
	return GANTRY_FAILED;
}

/* Handlers after the one that said DONE did not run and do not settle. */
enum gantry_verdict engine_settle(struct gantry_message *m)
{
	enum gantry_verdict verdict = GANTRY_DONE;
	unsigned last = m->step, minted = m->next_minted;

	/* a unit that is tried again settles again: the same ids, one log */
	m->logs = NULL;
	m->settling = true;
	for (m->step = 0; m->step <= last && m->step < m->route->n_steps; m->step++) {
		const struct route_step *step = &m->route->steps[m->step];

		if (step->handler->settle == NULL)
			continue;
		verdict = settle_one(m, step);
		if (verdict != GANTRY_DONE)
			break;
	}
	m->step = last;
	m->next_minted = minted;
	m->settling = false;
	return verdict;
}
