/* SPDX-License-Identifier: Apache-2.0 */
/* pass - see pass.h. */
#include "pass.h"

#include <string.h>

#include <gantry/member.h>

#include "drift.h"

#define PASS_SAMPLE 50		/* drifts that a report shows */
#define PASS_MAX_STAGED 900	/* commands; a message may have 1000 */

static const char *pass_text(const json_t *cursor, const char *name,
			     const char *otherwise)
{
	const char *text = json_string_value(json_object_get(cursor, name));

	return text != NULL && *text != '\0' && strlen(text) <= GANTRY_MAX_ID ? text :
										  otherwise;
}

static int64_t pass_number(const json_t *cursor, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(cursor, name));

	return n > 0 ? n : 0;
}

static void pass_begin_sample(struct pass *pass, const json_t *sample)
{
	size_t n = json_array_size(sample);

	pass->sample = gantry_writer(pass->m);
	gantry_write_array(pass->sample, NULL);
	for (size_t i = 0; i < n && i < PASS_SAMPLE; i++) {
		gantry_write_json(pass->sample, NULL, json_array_get(sample, i));
		pass->n_sample++;
	}
}

void pass_begin(struct pass *pass, const struct reconcile *r, struct gantry_message *m,
		const json_t *cursor, struct gantry_error *err)
{
	const char *first = r->order_service != NULL ? "orders" : "counters";
	const json_t *found = json_object_get(cursor, "found");

	*pass = (struct pass){ .r = r, .m = m, .err = err };
	pass->run = pass_text(cursor, "run", NULL);
	if (pass->run == NULL)
		pass->run = gantry_mint(m, "rec_");
	pass->stage = pass_text(cursor, "stage", first);
	pass->after = pass_text(cursor, "after", NULL);
	pass->state = json_object_get(cursor, "state");
	pass->started_ms = pass_number(cursor, "startedAtMs");
	if (pass->started_ms == 0)
		pass->started_ms = gantry_now_ms(m);
	pass->looked = pass_number(cursor, "looked");
	pass->known = pass_number(cursor, "known");
	pass->spared = pass_number(cursor, "spared");
	pass->skipped = pass_number(cursor, "skipped");
	pass->staged = pass_number(cursor, "staged");
	for (int i = 0; i < DRIFT_CLASSES; i++)
		pass->found[i] = pass_number(found, drift_class_name(i));
	pass_begin_sample(pass, json_object_get(cursor, "sample"));
	pass->drifts = gantry_writer(m);
	gantry_write_array(pass->drifts, NULL);
}

/*
 * An Order Service that knows no order at all is not the one that was meant: what
 * it does not know is not cancelled without somebody who looks.
 */
static bool pass_may_mend(const struct pass *pass, const struct drift *drift)
{
	return pass->applies && drift->command.kind != 0 &&
	       (drift->class != DRIFT_ORPHAN || pass->known > 0);
}

static void pass_stage(struct pass *pass, const struct drift *drift)
{
	struct gantry_command command = drift->command;

	if (pass->n_staged == PASS_MAX_STAGED)
		return;		/* the next pass finds it again */
	command.if_refused = GANTRY_IF_REFUSED_GO_ON;
	if (command.kind == GANTRY_ALLOCATE && command.expires_at_ms == 0 &&
	    command.allocation_id == NULL)
		command.expires_at_ms = (gantry_now_ms(pass->m) + pass->r->ttl + 999) /
					1000 * 1000;
	pass->failed |= gantry_command(pass->m, &command, pass->err) < 0;
	pass->n_staged++;
	pass->staged++;
}

void pass_found(void *ctx, const struct drift *drift)
{
	struct pass *pass = ctx;
	enum drift_mode mode = reconcile_mode(pass->r, drift->class);

	if (mode == DRIFT_OFF)
		return;
	pass->found[drift->class]++;
	drift_write(pass->drifts, drift, mode);
	if (pass->n_sample < PASS_SAMPLE) {
		drift_write(pass->sample, drift, mode);
		pass->n_sample++;
	}
	if (mode == DRIFT_AUTO && pass_may_mend(pass, drift))
		pass_stage(pass, drift);
}

bool pass_is_at(const struct pass *pass, const char *stage)
{
	return strcmp(pass->stage, stage) == 0;
}

void pass_enter(struct pass *pass, const char *stage)
{
	pass->stage = stage;
	pass->after = NULL;
	pass->next_state = NULL;
}

const char *pass_end(struct pass *pass, size_t *len_out)
{
	gantry_write_end(pass->sample);
	gantry_write_end(pass->drifts);
	return gantry_written(pass->drifts, len_out);
}

static void pass_write_counts(struct pass *pass, struct gantry_writer *w)
{
	const char *sample;
	size_t len;

	gantry_write_int(w, "looked", pass->looked);
	gantry_write_int(w, "known", pass->known);
	gantry_write_int(w, "spared", pass->spared);
	gantry_write_int(w, "skipped", pass->skipped);
	gantry_write_int(w, "staged", pass->staged);
	gantry_write_object(w, "found");
	for (int i = 0; i < DRIFT_CLASSES; i++)
		if (pass->found[i] > 0)
			gantry_write_int(w, drift_class_name(i), pass->found[i]);
	gantry_write_end(w);
	sample = gantry_written(pass->sample, &len);
	gantry_write_raw(w, "sample", sample, len);
}

const char *pass_cursor(struct pass *pass, size_t *len_out)
{
	struct gantry_writer *w = gantry_writer(pass->m);

	gantry_write_object(w, NULL);
	gantry_write_text(w, "run", pass->run);
	gantry_write_text(w, "stage", pass->stage);
	if (pass->after != NULL)
		gantry_write_text(w, "after", pass->after);
	gantry_write_int(w, "startedAtMs", pass->started_ms);
	if (pass->next_state != NULL)
		gantry_write_raw(w, "state", pass->next_state, pass->next_len);
	pass_write_counts(pass, w);
	gantry_write_end(w);
	return gantry_written(w, len_out);
}

const char *pass_summary(struct pass *pass, const char *kind, size_t *len_out)
{
	struct gantry_writer *w = gantry_writer(pass->m);

	gantry_write_object(w, NULL);
	gantry_write_text(w, "id", pass->run);
	gantry_write_text(w, "kind", kind);
	gantry_write_time(w, "startedAt", pass->started_ms);
	gantry_write_time(w, "finishedAt", gantry_now_ms(pass->m));
	pass_write_counts(pass, w);
	gantry_write_end(w);
	return gantry_written(w, len_out);
}
