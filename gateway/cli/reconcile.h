/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile - gantry reconcile plan|apply|report: asks the running daemon, a page
 * at a time, by its actions reconcile.plan, reconcile.apply and reconcile.runs.
 */
#ifndef CLI_RECONCILE_H
#define CLI_RECONCILE_H

#include <jansson.h>
#include <stdbool.h>

#include "gateway/cli/common.h"

struct arena;

struct reconcile_options {
	struct common_options common;
	const char *orders;	/* --orders FILE */
	const char *output;	/* --output FILE, NULL: standard output */
	const char *html;	/* --html FILE */
	const char *plan;	/* the file of apply */
	bool text, progress;
};

int reconcile_main(int argc, char **argv);

/* reconcile-plan.c, -apply.c, -report.c: the exit code. */
int reconcile_plan(const struct reconcile_options *options);
int reconcile_apply(const struct reconcile_options *options);
int reconcile_report(const struct reconcile_options *options);

/* reconcile-ask.c */
struct reconcile_daemon;

/* The daemon of the configuration; NULL with *status_out and the reason told. */
struct reconcile_daemon *reconcile_open(const struct reconcile_options *options,
					int *status_out);
void reconcile_close(struct reconcile_daemon **daemon);
/*
 * Ask; body, which may be NULL, is freed. What is away for a moment is asked
 * again. "data" of the answer, to be freed; NULL with the reason told.
 */
json_t *reconcile_ask(struct reconcile_daemon *daemon, const char *method,
		      const char *target, json_t *body);

/* What a drift is about: "ord_1 item_1 alloc_1", or "inv_1". */
const char *reconcile_object(struct arena *arena, const json_t *drift);
/* "3", "CONFIRMED" */
const char *reconcile_value(struct arena *arena, const json_t *drift,
			    const char *member);
const char *reconcile_text(const json_t *object, const char *member);

/* reconcile-html.c: 0, or -1 with the reason told. */
int reconcile_html(const char *path, const json_t *runs);

#endif
