/* SPDX-License-Identifier: Apache-2.0 */
/* notify - see notify.h. */
#include "gateway/cli/notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/memory.h"
#include "gateway/base/parse.h"

#define NOTIFY_FIRST 3	/* SD_LISTEN_FDS_START */

static long notify_number(const char *name)
{
	const char *text = getenv(name);
	int64_t n;

	return text != NULL && parse_integer(text, &n) ? (long)n : -1;
}

static void notify_take_socket(struct notify_sockets *out, int fd, const char *name)
{
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (name != NULL && strcmp(name, "admin") == 0)
		out->admin[out->n_admin++] = fd;
	else
		out->api[out->n_api++] = fd;
}

int notify_take_sockets(struct notify_sockets *out)
{
	const char *names = getenv("LISTEN_FDNAMES");
	AUTO_FREE char *copy = memory_text(names != NULL ? names : "");
	char *rest = copy;
	long n = notify_number("LISTEN_FDS");

	*out = (struct notify_sockets){ 0 };
	if (notify_number("LISTEN_PID") != (long)getpid())
		n = 0;
	if (n > NOTIFY_MAX_SOCKETS) {
		fprintf(stderr, "gantry: %ld sockets were passed in; at most %d can be\n", n,
			NOTIFY_MAX_SOCKETS);
		return -1;
	}
	for (int fd = NOTIFY_FIRST; fd < NOTIFY_FIRST + n; fd++)
		notify_take_socket(out, fd, strsep(&rest, ":"));
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}

void notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = path == NULL ? 0 : strlen(path);
	int fd;

	if (n < 2 || n >= sizeof(to.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(to.sun_path, path, n);
	if (*path == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		fputs("gantry: the service manager did not take a message\n", stderr);
	close(fd);
}
