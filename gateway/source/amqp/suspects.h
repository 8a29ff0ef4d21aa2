/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspects - deliveries that may have killed the process (D22).
 *
 * Every delivery that was held when a process died counts as delivered once
 * more, so a high count is only a suspicion. A suspect goes alone, and before
 * it goes that is written down, in a record of its own; one that was alone
 * three times and never answered is given up before a handler sees it.
 */
#ifndef AMQP_SUSPECTS_H
#define AMQP_SUSPECTS_H

#include "gateway/pipeline/engine.h"

/* Delivered again so often, it is a suspect. */
#define SUSPECTS_COUNT 3
/* Alone so often without an answer, it is given up. */
#define SUSPECTS_ALONE 3
#define SUSPECTS_CAUSE "CRASHED_CONSUMER"

struct suspects;

/*
 * home: who is told that a note is stored; home_data is given to it. Both must
 * outlive what is at the engine. wake_fd, an eventfd: written to when all that
 * was to be forgotten is.
 */
struct suspects *suspects_new(struct engine *engine, const struct graph *graph,
			      const struct message_home *home, int wake_fd);
/* Nothing of it may be at the engine. */
void suspects_free(struct suspects **suspects);

/*
 * Write down that this one goes alone. The answer comes to home: FAILED if it
 * could not be stored. One at a time.
 */
void suspects_note(struct suspects *s, const char *key, void *home_data);
/* For home->answer: it was alone too often already. */
bool suspects_is_given_up(const struct gantry_message *m);
/* For home->answer: the note is dealt with. */
void suspects_noted(struct suspects *s);
/* It was answered: forget it. */
void suspects_forget(struct suspects *s, const char *key);
/* Whether nothing of that is at the engine. Any thread. */
bool suspects_are_forgotten(const struct suspects *s);

/* The next count for one that was alone so often; 0: give it up. Pure. */
int64_t suspects_next(int64_t alone);

#endif
