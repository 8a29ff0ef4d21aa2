/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulse - which calls of handlers are under way, so that one that never comes
 * back is seen. A call is two additions by its thread; who looks is not waited
 * for. Knows no message and no clock: how long is too long is the looker's.
 */
#ifndef PIPELINE_PULSE_H
#define PIPELINE_PULSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* More calls at a time than this are not looked after. */
#define PULSE_SLOTS 64

/* Zero is fine. A count is odd while its call runs. */
struct pulse {
	_Atomic uint64_t counts[PULSE_SLOTS];
	uint64_t seen[PULSE_SLOTS];	/* by the one who looks */
};

/* Any thread; what begin gives goes to end, on the same thread. */
int pulse_begin(struct pulse *pulse);
void pulse_end(struct pulse *pulse, int slot);

/*
 * False: a call that was under way when this was asked last is so still. The
 * first look finds nothing. One thread at a time.
 */
bool pulse_look(struct pulse *pulse);

#endif
