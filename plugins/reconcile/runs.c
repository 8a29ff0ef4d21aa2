/* SPDX-License-Identifier: Apache-2.0 */
/* runs - see runs.h; and the handler report, which shows them. */
#include "describe.h"
#include "runs.h"

#include <gantry/write.h>

#define RUNS_SPACE "runs"
#define RUNS_SLOTS 32

static const char *runs_slot(struct gantry_message *m, int64_t n)
{
	return gantry_format(m, "slot-%d", (int)(n % RUNS_SLOTS));
}

/* How many there ever were; -1: awaited, or err. */
static int64_t runs_count(struct gantry_message *m, struct gantry_error *err)
{
	const json_t *head = gantry_record_get(m, RUNS_SPACE, "head", err);
	json_int_t n = json_integer_value(json_object_get(head, "n"));

	if (gantry_asking(m))
		return -1;
	return n > 0 ? n : 0;
}

int runs_keep(struct gantry_message *m, const char *text, size_t len,
	      struct gantry_error *err)
{
	int64_t n = runs_count(m, err);
	json_t *run, *head;
	int result = -1;

	if (n < 0)
		return -1;
	run = json_loadb(text, len, 0, NULL);
	head = json_pack("{sI}", "n", (json_int_t)n + 1);
	if (gantry_record_put(m, RUNS_SPACE, runs_slot(m, n), run, err) == 0)
		result = gantry_record_put(m, RUNS_SPACE, "head", head, err);
	json_decref(run);
	json_decref(head);
	return result;
}

/* The newest first. */
static enum gantry_verdict report_handle(void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	const json_t *slots[RUNS_SLOTS];
	struct gantry_writer *w;
	int64_t n = runs_count(m, err);
	const char *text;
	size_t len;

	(void)self;
	for (int i = 0; i < RUNS_SLOTS; i++)
		slots[i] = gantry_record_get(m, RUNS_SPACE, runs_slot(m, i), err);
	if (gantry_asking(m))
		return GANTRY_FAILED;
	w = gantry_writer(m);
	gantry_write_object(w, NULL);
	gantry_write_bool(w, "success", true);
	gantry_write_array(w, "data");
	for (int64_t i = n - 1; i >= 0 && i >= n - RUNS_SLOTS; i--)
		if (slots[i % RUNS_SLOTS] != NULL)
			gantry_write_json(w, NULL, slots[i % RUNS_SLOTS]);
	gantry_write_end(w);
	gantry_write_end(w);
	text = gantry_written(w, &len);
	return gantry_reply_text(m, 200, text, len, err) < 0 ? GANTRY_FAILED :
							       GANTRY_DONE;
}

const struct gantry_handler report_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "report",
	.summary = "The last runs",
	.handle = report_handle,
	.operation = describe_report,
};
