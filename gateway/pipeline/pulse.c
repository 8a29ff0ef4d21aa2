/* SPDX-License-Identifier: Apache-2.0 */
/* pulse - see pulse.h. */
#include "gateway/pipeline/pulse.h"

#include <pthread.h>

/* Threads begin at different slots, so that they seldom meet. */
static unsigned pulse_home(void)
{
	uint64_t self = (uint64_t)pthread_self();

	return (unsigned)((self * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % PULSE_SLOTS;
}

int pulse_begin(struct pulse *pulse)
{
	unsigned home = pulse_home();

	for (unsigned i = 0; i < PULSE_SLOTS; i++) {
		unsigned slot = (home + i) % PULSE_SLOTS;
		uint64_t count = atomic_load_explicit(&pulse->counts[slot],
						      memory_order_relaxed);

		if (count % 2 == 0 &&
		    atomic_compare_exchange_strong(&pulse->counts[slot], &count,
						   count + 1))
			return (int)slot;
	}
	return -1;
}

void pulse_end(struct pulse *pulse, int slot)
{
	if (slot >= 0)
		atomic_fetch_add(&pulse->counts[slot], 1);
}

bool pulse_look(struct pulse *pulse)
{
	bool fine = true;

	for (unsigned i = 0; i < PULSE_SLOTS; i++) {
		uint64_t count = atomic_load(&pulse->counts[i]);

		if (count % 2 == 1 && count == pulse->seen[i])
			fine = false;
		pulse->seen[i] = count;
	}
	return fine;
}
