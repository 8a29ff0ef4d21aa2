/* SPDX-License-Identifier: Apache-2.0 */
/* web - see web.h. A thread for each connection. */
#include "tests/fake/web.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct web_peer {
	struct web *web;
	int fd;
	char head[WEB_HEAD];
};

static void web_nap(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static bool web_send(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

static bool web_say(int fd, int status, const char *headers, const char *body)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %d Status\r\nContent-Type: "
			 "application/json\r\n%sContent-Length: %zu\r\n\r\n%s", status,
			 headers, strlen(body), body);

	return web_send(fd, text, (size_t)n);
}

static bool web_ok(int fd)
{
	return web_say(fd, 200, "X-Kind: good\r\n", "{\"data\":\"ok\"}");
}

static bool web_for_ever(int fd, const char *head, const char *piece, long ms)
{
	bool open = web_send(fd, head, strlen(head));

	while (open && web_send(fd, piece, strlen(piece)))
		if (ms > 0)
			web_nap(ms);
	return false;
}

/* Whether this one of the first n is to fail. */
static bool web_fails(struct web *web, unsigned n)
{
	bool fails;

	pthread_mutex_lock(&web->lock);
	fails = web->failed < n;
	web->failed += fails;
	pthread_mutex_unlock(&web->lock);
	return fails;
}

static bool web_reset_connection(int fd)
{
	struct linger now = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	return false;
}

static bool web_numbered(struct web_peer *peer, const char *path)
{
	unsigned a = 0, b = 0;
	char after[64];

	if (sscanf(path, "/status/%u", &a) == 1)
		return web_say(peer->fd, (int)a, "", "{}");
	if (sscanf(path, "/after/%u/%u", &a, &b) == 2) {
		snprintf(after, sizeof(after), "Retry-After: %u\r\n", a);
		return web_say(peer->fd, (int)b, after, "{}");
	}
	if (sscanf(path, "/fail/%u/%u", &a, &b) == 2)
		return web_fails(peer->web, a) ? web_say(peer->fd, (int)b, "", "{}") :
						 web_ok(peer->fd);
	if (sscanf(path, "/late/%u", &a) == 1) {
		web_nap((long)a);
		return web_ok(peer->fd);
	}
	if (sscanf(path, "/close/%u", &a) == 1)
		return !web_fails(peer->web, a) && web_ok(peer->fd);
	return web_ok(peer->fd);
}

/* False: the connection is over. */
static bool web_answer(struct web_peer *peer, const char *path)
{
	int fd = peer->fd;

	if (strcmp(path, "/close") == 0)
		return false;
	if (strcmp(path, "/reset") == 0)
		return web_reset_connection(fd);
	if (strcmp(path, "/short") == 0)
		return web_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", 41) &&
		       false;
	if (strcmp(path, "/drip") == 0)
		return web_for_ever(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
				    " ", 20);
	if (strcmp(path, "/huge") == 0)
		return web_for_ever(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
				    "\r\n\r\n", "8\r\n12345678\r\n", 0);
	if (strcmp(path, "/long") == 0)
		return web_for_ever(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824"
				    "\r\n\r\n", "12345678", 1);
	if (strcmp(path, "/head") == 0)
		return web_for_ever(fd, "HTTP/1.1 200 OK\r\n", "X-More: of the same\r\n", 0);
	if (strcmp(path, "/text") == 0)
		return web_say(fd, 200, "", "<html>down for maintenance</html>");
	if (strcmp(path, "/junk") == 0)
		return web_send(fd, "SSH-2.0-OpenSSH_9.2\r\n\r\n", 23) && false;
	if (strcmp(path, "/leave") == 0)
		return web_ok(fd) && false;
	if (strcmp(path, "/token") == 0 && strstr(peer->head, peer->web->token) == NULL)
		return web_say(fd, 401, "", "{}");
	return web_numbered(peer, path);
}

/* Head and body of the next request, as one text. */
static bool web_read(struct web_peer *peer)
{
	size_t len = 0, want = 0;

	while (want == 0 || len < want) {
		ssize_t n = recv(peer->fd, peer->head + len, WEB_HEAD - 1 - len, 0);
		const char *end, *at;

		if (n <= 0)
			return false;
		len += (size_t)n;
		peer->head[len] = '\0';
		end = strstr(peer->head, "\r\n\r\n");
		if (end == NULL)
			continue;
		at = strstr(peer->head, "Content-Length: ");
		want = (size_t)(end - peer->head) + 4 +
		       (at != NULL && at < end ? (size_t)atoi(at + 16) : 0);
	}
	return true;
}

static void web_count(struct web_peer *peer, bool begins)
{
	struct web *web = peer->web;

	pthread_mutex_lock(&web->lock);
	web->now += begins ? 1u : -1u;
	web->requests += begins;
	if (web->now > web->most)
		web->most = web->now;
	if (begins)
		memcpy(web->head, peer->head, sizeof(web->head));
	pthread_mutex_unlock(&web->lock);
}

static void *web_serve(void *arg)
{
	struct web_peer *peer = arg;
	bool open = true;

	while (open && web_read(peer)) {
		char path[256] = "";

		sscanf(peer->head, "%*s %255s", path);
		web_count(peer, true);
		open = web_answer(peer, path);
		web_count(peer, false);
	}
	/* closed when all is over, so that nobody else gets the number */
	shutdown(peer->fd, SHUT_RDWR);
	if (!open && strstr(peer->head, " /reset ") != NULL) {
		int null = dup(0);

		dup2(null, peer->fd);	/* closes it: the reset goes out */
		close(null);
	}
	free(peer);
	return NULL;
}

static void *web_main(void *arg)
{
	struct web *web = arg;

	for (;;) {
		int fd = accept(web->listener, NULL, NULL);
		struct web_peer *peer;

		if (fd < 0)
			return NULL;
		peer = calloc(1, sizeof(*peer));
		peer->web = web;
		peer->fd = fd;
		pthread_mutex_lock(&web->lock);
		assert(web->n < WEB_CONNECTIONS);
		web->fds[web->n] = fd;
		pthread_create(&web->threads[web->n], NULL, web_serve, peer);
		web->n++;
		pthread_mutex_unlock(&web->lock);
	}
}

void web_start(struct web *web)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);

	memset(web, 0, sizeof(*web));
	pthread_mutex_init(&web->lock, NULL);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	web->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(web->listener, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    listen(web->listener, 128) < 0 ||
	    getsockname(web->listener, (struct sockaddr *)&in, &len) < 0)
		abort();
	web->port = ntohs(in.sin_port);
	pthread_create(&web->thread, NULL, web_main, web);
}

void web_stop(struct web *web)
{
	shutdown(web->listener, SHUT_RDWR);
	pthread_join(web->thread, NULL);
	for (unsigned i = 0; i < web->n; i++) {
		shutdown(web->fds[i], SHUT_RDWR);
		pthread_join(web->threads[i], NULL);
		close(web->fds[i]);
	}
	close(web->listener);
	pthread_mutex_destroy(&web->lock);
}

void web_reset(struct web *web)
{
	pthread_mutex_lock(&web->lock);
	web->requests = web->most = web->failed = 0;
	pthread_mutex_unlock(&web->lock);
}

unsigned web_requests(struct web *web)
{
	unsigned n;

	pthread_mutex_lock(&web->lock);
	n = web->requests;
	pthread_mutex_unlock(&web->lock);
	return n;
}
