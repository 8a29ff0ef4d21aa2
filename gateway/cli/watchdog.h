/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog - tells the service manager that the daemon lives, as long as it
 * does (sd_notify(3), WATCHDOG=1). It knows signs of life and nothing of what
 * they are of. Storage or a broker that does not answer is none of them: a new
 * process would not mend that.
 */
#ifndef CLI_WATCHDOG_H
#define CLI_WATCHDOG_H

#include <stdbool.h>

/* One thing that must not stand still. */
struct watchdog_sign {
	const char *name;		/* for the log */
	/* Whether it has moved since this was asked last. Never blocks. */
	bool (*alive)(void *of);
	void *of;
};

#define WATCHDOG_MAX_SIGNS 8

struct watchdog;

/*
 * A thread that asks all n signs four times in the interval that WATCHDOG_USEC
 * and WATCHDOG_PID say, and sends WATCHDOG=1 if all of them live. NULL if the
 * manager wants none. signs are copied; what they are of outlives the watchdog.
 * Main thread.
 */
struct watchdog *watchdog_start(const struct watchdog_sign *signs, unsigned n);

/* NULL is fine. Main thread. */
void watchdog_stop(struct watchdog **watchdog);

#endif
