/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox - what a helper process gives up once its instance is open: new files,
 * sockets, processes and threads, new code, more memory than it is given. What
 * it holds it keeps.
 */
#ifndef ISOLATE_SANDBOX_H
#define ISOLATE_SANDBOX_H

#include <stdint.h>

#include <gantry/error.h>

/* memory: bytes beside what the process has now. 0, -1 with err. */
int sandbox_enter(int64_t memory, struct gantry_error *err);

#endif
