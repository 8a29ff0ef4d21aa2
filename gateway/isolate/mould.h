/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mould - the one process ("gantry plugin-host") of which all helpers are copies.
 *
 * To start one from nothing costs 5 ms of processor, nearly all of it for loading
 * the libraries that the program is linked with, and other requests notice that. A
 * process that has them and does nothing else is copied in a tenth of it.
 * Knows nothing of plugins: each copy loads its own.
 */
#ifndef ISOLATE_MOULD_H
#define ISOLATE_MOULD_H

#include <sys/types.h>

#include <gantry/error.h>

#define MOULD_WAIT_MS 10000

struct mould;

/* No process yet: the first copy starts it. Any thread. */
struct mould *mould_new(void);
/* Its process ends, copies stay. */
void mould_free(struct mould **mould);

/*
 * A new copy, which has the other end of a socket as AGAIN_FD. It is a child of
 * this process: whoever takes it waits for it, and closes the socket. 0, -1 with
 * err. Any thread, one at a time.
 */
int mould_cast(struct mould *mould, pid_t *pid_out, int *fd_out,
	       struct gantry_error *err);

/*
 * In the mould: make copies until the gateway is gone. Comes back in each copy,
 * and nowhere else.
 */
void mould_serve(void);

#endif
