/* SPDX-License-Identifier: Apache-2.0 */
/* peer - see peer.h. */
#include "tests/fake/peer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER_BUFFER 262144

static void *peer_run(void *arg)
{
	struct peer *p = arg;

	p->fd = accept(p->listener, NULL, NULL);
	if (p->fd < 0)
		return NULL;
	p->play(p);
	close(p->fd);
	return NULL;
}

void peer_start(struct peer *p, void (*play)(struct peer *p))
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int result;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->play = play;
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	result = bind(p->listener, (struct sockaddr *)&at, sizeof(at));
	assert(result == 0);
	result = listen(p->listener, 4);
	assert(result == 0);
	getsockname(p->listener, (struct sockaddr *)&at, &len);
	p->port = ntohs(at.sin_port);
	result = pthread_create(&p->thread, NULL, peer_run, p);
	assert(result == 0);
	(void)result;
}

void peer_stop(struct peer *p)
{
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->listener);
}

static bool peer_get(struct peer *p, void *into, size_t len)
{
	return recv(p->fd, into, len, MSG_WAITALL) == (ssize_t)len;
}

void peer_send(struct peer *p, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(p->fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

void peer_frame(struct peer *p, unsigned type, unsigned channel,
		const void *bytes, size_t len)
{
	unsigned char head[7] = { (unsigned char)type,
				  (unsigned char)(channel >> 8),
				  (unsigned char)channel,
				  (unsigned char)(len >> 24),
				  (unsigned char)(len >> 16),
				  (unsigned char)(len >> 8),
				  (unsigned char)len };

	peer_send(p, head, sizeof(head));
	peer_send(p, bytes, len);
	peer_send(p, "\xce", 1);
}

void peer_method(struct peer *p, unsigned channel, uint32_t id,
		 const void *args, size_t len)
{
	unsigned char *bytes = malloc(len + 4);
	uint32_t big = htonl(id);

	memcpy(bytes, &big, 4);
	memcpy(bytes + 4, args, len);
	peer_frame(p, 1, channel, bytes, len + 4);
	free(bytes);
}

uint32_t peer_read(struct peer *p)
{
	unsigned char *bytes = malloc(PEER_BUFFER);
	uint32_t len, id = 0;

	while (id == 0 && peer_get(p, bytes, 7)) {
		unsigned type = bytes[0];

		memcpy(&len, bytes + 3, 4);
		len = ntohl(len);
		if (len + 1 > PEER_BUFFER || !peer_get(p, bytes, len + 1))
			break;
		if (type == 8)
			p->beats++;
		else if (type == 1)
			memcpy(&id, bytes, 4);
		else
			id = htonl(type);
	}
	free(bytes);
	return ntohl(id);
}

void peer_drain(struct peer *p)
{
	while (peer_read(p) != 0)
		;
}

void peer_sink(struct peer *p)
{
	char bytes[4096];

	while (recv(p->fd, bytes, sizeof(bytes), 0) > 0)
		;
}

static void peer_expect(struct peer *p, uint32_t id)
{
	uint32_t got = peer_read(p);

	assert(got == id);
	(void)got;
}

void peer_greet(struct peer *p)
{
	unsigned char tune[] = { 0, 16, 0, 2, 0, 0, 0,
				 (unsigned char)p->heartbeat };
	char protocol[8];

	if (!peer_get(p, protocol, sizeof(protocol)))
		return;
	PEER_METHOD(p, 0, 0x000a000a,
		    "\0\x09\0\0\0\0\0\0\0\5PLAIN\0\0\0\5en_US");
	peer_expect(p, 0x000a000b);
	peer_method(p, 0, 0x000a001e, tune, sizeof(tune));
	peer_expect(p, 0x000a001f);
	peer_expect(p, 0x000a0028);
	PEER_METHOD(p, 0, 0x000a0029, "\0");
	peer_expect(p, 0x0014000a);
	PEER_METHOD(p, 1, 0x0014000b, "\0\0\0\0");
}
