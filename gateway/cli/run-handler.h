/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-handler - gantry run-handler: carries recorded messages through the real
 * engine and committer over a storage that keeps nothing (commit/dry.h), and
 * shows what came of it.
 *
 *	run-handler.c		options and files
 *	run-handler-target.c	which handlers: of a plugin, of a configuration
 *	run-handler-carry.c	one message from its bytes to its answer
 *	run-handler-show.c	what it asked, staged and would have changed
 */
#ifndef CLI_RUN_HANDLER_H
#define CLI_RUN_HANDLER_H

#include "gateway/cli/common.h"
#include "gateway/cli/sets.h"
#include "gateway/commit/dry.h"
#include "gateway/commit/letters.h"
#include "gateway/config/config.h"
#include "gateway/pipeline/engine.h"
#include "gateway/plugin/plugins.h"

#define RUN_HANDLER_PARAMS 64

struct run_handler_options {
	struct common_options common;
	bool has_config;
	const char *target;	/* PLUGIN.so or INSTANCE.HANDLER, or NULL */
	const char *handler;	/* behind a PLUGIN.so, or NULL */
	const char *event, *export;	/* files, one of them */
	const char *as;		/* "event", "http", "schedule", or NULL */
	struct sets sets;
	struct message_pair params[RUN_HANDLER_PARAMS];
	unsigned n_params;
};

struct run_handler {
	const struct run_handler_options *options;
	struct arena arena;
	struct config *config;		/* NULL: none was named */
	struct plugins *plugins;
	struct graph *graph;		/* of config, or own: */
	struct graph own;
	struct gantry_instance *instance;	/* made of a PLUGIN.so */
	struct route *route;		/* NULL: the letter's own */
	struct query_store store;	/* of config */
	struct dry dry;
	struct committer *committer;
	struct engine *engine;
	unsigned n, failed;
};

int run_handler_main(int argc, char **argv);

/* run-handler-target.c: 0, or the exit status with the reason on stderr. */
int run_handler_find(struct run_handler *r);
void run_handler_close(struct run_handler *r);

/* run-handler-carry.c: how one message went is printed and counted. */
void run_handler_start(struct run_handler *r);
void run_handler_stop(struct run_handler *r);
int run_handler_event(struct run_handler *r, const char *body, size_t len);
int run_handler_letter(struct run_handler *r, const struct letter *letter);

/* run-handler-show.c */
/* A row that would be stored, added to changes. */
void run_handler_change(json_t *changes, const struct gantry_change *change);
/* On the thread that answers m, whose outcomes live no longer; to be freed. */
json_t *run_handler_tree(const struct gantry_message *m, const json_t *changes);
void run_handler_print(const json_t *tree, bool json);

#endif
