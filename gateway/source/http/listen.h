/* SPDX-License-Identifier: Apache-2.0 */
/* listen - listening sockets from texts. Knows nothing of libmicrohttpd. */
#ifndef SOURCE_HTTP_LISTEN_H
#define SOURCE_HTTP_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

struct gantry_error;

struct listen_address {
	struct sockaddr_storage storage;
	socklen_t len;
	const char *unix_path;		/* into the text, or NULL */
};

/*
 * "127.0.0.1:8080", "[::1]:8080", "localhost:8080", "unix:/path". 0, or -1
 * with err. No name but localhost is looked up.
 */
int listen_parse(const char *text, struct listen_address *address_out,
		 struct gantry_error *err);

/* A listening socket, or -1 with err. shared: several on one port. */
int listen_open(const char *text, const struct listen_address *address,
		bool shared, struct gantry_error *err);

/*
 * A socket that somebody else has opened, made ready for a loop. -1 with err: it
 * is none that a stream can be accepted from.
 */
int listen_take(int fd, struct gantry_error *err);

/* Port of a bound TCP socket, 0 for others. */
unsigned listen_port(int fd);

#endif
