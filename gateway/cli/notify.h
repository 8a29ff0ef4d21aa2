/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify - what systemd passes in and wants to hear (sd_listen_fds(3),
 * sd_notify(3)); without systemd nothing happens.
 */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

#define NOTIFY_MAX_SOCKETS 64

struct notify_sockets {
	int api[NOTIFY_MAX_SOCKETS], admin[NOTIFY_MAX_SOCKETS];
	unsigned n_api, n_admin;	/* admin: those named "admin" */
};

/*
 * The sockets of this process, close-on-exec; -1, and said on stderr: they are too
 * many. Once, before any thread.
 */
int notify_take_sockets(struct notify_sockets *out);

/* "READY=1", "STOPPING=1" ... Any thread. */
void notify_send(const char *state);

#endif
