/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - the helper process itself, a copy of "gantry plugin-host": loads a plugin,
 * opens an instance, gives up what it needs no more, and runs handlers for the gateway
 * at the other end of its socket until that is closed.
 */
#ifndef ISOLATE_HOST_H
#define ISOLATE_HOST_H

/* The exit status; only when it was not started by a gateway. */
int host_main(void);

#endif
