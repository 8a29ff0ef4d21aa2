/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counted - what is counted of a unit that is durable, for meters.h: only now
 * is it sure what became of the messages in it. Decides nothing.
 */
#include <string.h>

#include "gateway/commit/unit.h"
#include "gateway/pipeline/meters.h"

static void counted_refusal(struct metrics *metrics, const struct gantry_command *c,
			    const struct gantry_outcome *outcome)
{
	metrics_add(metrics, METER_COMMAND_REFUSALS, c->kind,
		    metrics_value(metrics, &meters_code, outcome->code), 1);
}

/* A message that was rejected or failed is undone but for its refusals. */
static void counted_commands(struct metrics *metrics, const struct gantry_message *m)
{
	bool done = m->answer.verdict == GANTRY_DONE;
	struct effect e;
	size_t cursor = 0;
	unsigned n = 0;

	while (n < m->n_outcomes && effects_next(&m->effects, &cursor, &e)) {
		const struct gantry_outcome *outcome;

		if (e.kind != EFFECT_COMMAND)
			continue;
		outcome = m->outcomes[n++];
		if (!done && outcome->result != GANTRY_REFUSED)
			continue;
		metrics_add(metrics, METER_COMMANDS, e.as.command.kind, outcome->result, 1);
		if (outcome->result == GANTRY_REFUSED)
			counted_refusal(metrics, &e.as.command, outcome);
	}
}

static bool counted_is_replay(const struct gantry_message *m)
{
	const struct message_answer *answer = &m->answer;

	return m->idempotency_key != NULL && answer->n_headers > 0 &&
	       strcmp(answer->headers[answer->n_headers - 1].name,
		      "Idempotent-Replayed") == 0;
}

static void counted_events(struct metrics *metrics, const struct unit *u)
{
	for (const struct row *row = rowset_rows(&u->rows, COMMIT_OUTBOX); row != NULL;
	     row = row->next) {
		const char *type = row->state == ROW_NEW ? row_text(row, OUTBOX_TYPE) : NULL;

		if (type != NULL)
			metrics_add(metrics, METER_EVENTS_STAGED,
				    metrics_value(metrics, &meters_type, type), 0, 1);
	}
}

void counted_unit(struct unit *u, int64_t began_ns)
{
	struct metrics *metrics = u->world->options.metrics;

	if (metrics == NULL)
		return;
	metrics_observe(metrics, METER_UNIT_MESSAGES, 0, 0, u->n_members);
	metrics_observe_since(metrics, METER_UNIT_SECONDS, 0, 0, began_ns);
	for (unsigned i = 0; i < u->n_members; i++) {
		const struct gantry_message *m = u->members[i].m;

		if (u->members[i].fate == UNIT_RESTART)
			continue;
		counted_commands(metrics, m);
		metrics_add(metrics, METER_REPLAYS, 0, 0, counted_is_replay(m));
	}
	counted_events(metrics, u);
}
