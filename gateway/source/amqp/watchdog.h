/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog - frees a thread that hangs in a library call on a socket.
 *
 * librabbitmq sends without a deadline. So a thread of its own waits beside
 * each connection, and shuts the socket down when a guarded call is late: the
 * call then returns with an error. It never closes a socket and knows nothing
 * of AMQP.
 */
#ifndef AMQP_WATCHDOG_H
#define AMQP_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct watchdog;

struct watchdog *watchdog_new(void);
/* Must be disarmed. Accepts NULL. */
void watchdog_free(struct watchdog **watchdog);

/*
 * Shut fd down unless watchdog_disarm() comes within ms. Armed already: the
 * new deadline counts. Cheap: no system call as a rule.
 */
void watchdog_arm(struct watchdog *w, int fd, int64_t ms);
/* Whether it was too late. After this the socket is left alone for sure. */
bool watchdog_disarm(struct watchdog *w);

#endif
