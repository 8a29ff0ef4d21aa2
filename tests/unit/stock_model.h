/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stock_model - a second, simple telling of the stock rules, for random
 * histories: arrays of small structs. It shares no code with the first, and
 * answers with the line that world_summary() must give, events in order.
 */
#ifndef TESTS_STOCK_MODEL_H
#define TESTS_STOCK_MODEL_H

#include <gantry/effect.h>

#define ORDERS 40
#define ITEMS 4			/* the last one does not exist */
#define ALLOCATIONS 3000
#define RETURNS 1000

struct m_item { int64_t on_hand, held; };
struct m_order { char state; int live; };	/* 0 O C X */
struct m_alloc {
	int id, order, line, item, version, born, touched;
	int64_t quantity, expires;
	char status;				/* P C F X */
	bool by_time;
};
struct m_return { int id, alloc, order, line; int64_t expected, received; bool in; };

struct model {
	struct m_item items[ITEMS];
	struct m_order orders[ORDERS];
	struct m_alloc allocs[ALLOCATIONS];
	struct m_return returns[RETURNS];
	int n_allocs, n_returns, message;
	int64_t now;
	struct tally *tally;
};

/* What came up, over all histories: a test that never refuses proves little. */
#define CODES 16
struct tally {
	int applied[GANTRY_RETURN_RECEIVE + 1], stood[GANTRY_RETURN_RECEIVE + 1];
	char codes[CODES][40];
	int n_codes, commands, undone;
};

/* What the command is to say. */
struct saying { char head[8192], events[8192]; };

/* The choices of a command, from which both sides are made. */
struct choice {
	enum gantry_command_kind kind;
	int order, line, item, alloc, ret;	/* line, ret: -1 none */
	int64_t quantity, expires, version;
	bool by_event, far, replaces;
};

/* next_id: the number of the id that is minted next. */
void model_play(struct model *m, struct saying *s, const struct choice *c,
		int next_id);
const char *model_status(char status);

#endif
