/* SPDX-License-Identifier: Apache-2.0 */
/* listen - see listen.h. */
#include "gateway/source/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gantry/error.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/parse.h"

#define LISTEN_BACKLOG 1024

static int listen_refuse(const char *text, struct gantry_error *err)
{
	return gantry_fail(err, "\"%s\": not an address with a port such as "
			   "\"127.0.0.1:8080\", \"[::1]:8080\" or "
			   "\"unix:/run/gantry/api.sock\"", text);
}

static int listen_parse_unix(const char *text, struct listen_address *address,
			     struct gantry_error *err)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&address->storage;
	const char *path = text + 5;

	if (path[0] != '/')
		return listen_refuse(text, err);
	if (strlen(path) >= sizeof(un->sun_path))
		return gantry_fail(err, "\"%s\": the path is longer than %zu bytes",
				   text, sizeof(un->sun_path) - 1);
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				   strlen(path) + 1);
	address->unix_path = path;
	return 0;
}

static bool listen_parse_host(const char *host, unsigned port,
			      struct listen_address *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;

	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		address->len = sizeof(*in);
		return true;
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return false;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	address->len = sizeof(*in6);
	return true;
}

int listen_parse(const char *text, struct listen_address *out,
		 struct gantry_error *err)
{
	const char *colon = strrchr(text, ':');
	bool bracket = text[0] == '[';
	struct listen_address address = { 0 };
	char host[64];
	int64_t port;
	size_t len;

	if (strncmp(text, "unix:", 5) == 0) {
		if (listen_parse_unix(text, &address, err) < 0)
			return -1;
		*out = address;
		return 0;
	}
	if (colon == NULL || !parse_integer(colon + 1, &port) || port < 0 ||
	    port > 65535)
		return listen_refuse(text, err);
	len = (size_t)(colon - text);
	if (bracket && (len < 2 || text[len - 1] != ']'))
		return listen_refuse(text, err);
	len -= bracket ? 2 : 0;
	if (len >= sizeof(host))
		return listen_refuse(text, err);
	memcpy(host, text + bracket, len);
	host[len] = '\0';
	if ((strchr(host, ':') != NULL) != bracket ||
	    !listen_parse_host(host, (unsigned)port, &address))
		return listen_refuse(text, err);
	*out = address;
	return 0;
}

/* A socket file that nobody listens on any more is in the way. */
static void listen_remove_stale(const struct listen_address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&address->storage,
		    address->len) < 0 && errno == ECONNREFUSED)
		unlink(address->unix_path);
	close(fd);
}

static int listen_bind(int fd, const struct listen_address *address, bool shared)
{
	int one = 1;

	if (address->unix_path != NULL)
		listen_remove_stale(address);
	else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		 (shared &&
		  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0))
		return -1;
	if (address->storage.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&address->storage, address->len) < 0)
		return -1;
	return listen(fd, LISTEN_BACKLOG);
}

int listen_open(const char *text, const struct listen_address *address,
		bool shared, struct gantry_error *err)
{
	int fd = socket(address->storage.ss_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && listen_bind(fd, address, shared) == 0)
		return fd;
	gantry_fail(err, "%s: %s", text, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int listen_option(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

int listen_take(int fd, struct gantry_error *err)
{
	int flags = fcntl(fd, F_GETFL), type = listen_option(fd, SO_TYPE);
	int family = listen_option(fd, SO_DOMAIN);

	if (flags < 0 || type < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return gantry_fail(err, "descriptor %d, passed in: %s", fd, strerror(errno));
	if (type != SOCK_STREAM ||
	    (family != AF_INET && family != AF_INET6 && family != AF_UNIX))
		return gantry_fail(err, "descriptor %d, passed in: no stream socket of TCP or "
				   "of a path (ListenStream=)", fd);
	if (listen_option(fd, SO_ACCEPTCONN) != 1)
		return gantry_fail(err, "descriptor %d, passed in: does not listen "
				   "(Accept=no)", fd);
	return 0;
}

unsigned listen_port(int fd)
{
	struct sockaddr_storage storage = { 0 };
	socklen_t len = sizeof(storage);

	if (getsockname(fd, (struct sockaddr *)&storage, &len) < 0)
		return 0;
	if (storage.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&storage)->sin_port);
	if (storage.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&storage)->sin6_port);
	return 0;
}
