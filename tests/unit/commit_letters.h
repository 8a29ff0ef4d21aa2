/* SPDX-License-Identifier: Apache-2.0 */
/* commit_letters - a dead letter in a world of its own. Included by one program. */
#ifndef UNIT_COMMIT_LETTERS_H
#define UNIT_COMMIT_LETTERS_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/commit_world.h"

static struct world world;

static inline int setup(void **state)
{
	(void)state;
	world_open(&world, NULL);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

static const struct message_dead_letter letter_1 = {
	.queue = "test", .event_id = "e1", .exchange = "order.events",
	.routing_key = "order.ordercreated.order", .cause = "VALIDATION_ERROR",
	.text = "payload.orderId: missing", .handler = "orders.created",
	.attempts = 4, .headers = "{\"x\":\"y\"}", .content_type = "application/json",
	.died_at_ms = 1700000000000,
};

static inline const char *store_letter(const struct message_dead_letter *letter,
				       const char *body, size_t len)
{
	static char outcome[32];
	struct shot s;

	shot_init(&world, &s, GANTRY_INLINE, shot_reject);
	s.m.source = GANTRY_SOURCE_AMQP;
	if (letter->event_id != NULL)
		shot_is_event(&s, letter->event_id);
	s.m.dead_letter = letter;
	s.m.body = body;
	s.m.body_len = len;
	s.m.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	shot_run(&s);
	assert_int_equal(s.runs, 0);
	snprintf(outcome, sizeof(outcome), "%s", s.m.answer.outcome != NULL ?
		 s.m.answer.outcome : s.m.answer.text);
	assert_int_equal(s.m.answer.verdict == GANTRY_DONE, s.m.answer.status == 200);
	shot_fini(&s);
	return outcome;
}

static inline json_t *the_row(unsigned table)
{
	json_t *rows = world_rows(&world, table), *row;

	assert_int_equal(json_array_size(rows), 1);
	row = json_incref(json_array_get(rows, 0));
	json_decref(rows);
	return row;
}

#endif
