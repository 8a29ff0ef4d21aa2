/* SPDX-License-Identifier: Apache-2.0 */
/* wire - see wire.h. */
#include "gateway/isolate/wire.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"

#define WIRE_NO_TEXT (-1)

void wire_begin(struct wire_pen *pen)
{
	pen->len = 0;
	wire_put(pen, 0);
	pen->len = sizeof(uint32_t);
}

void wire_fini(struct wire_pen *pen)
{
	free(pen->bytes);
	*pen = (struct wire_pen){ NULL, 0, 0 };
}

static void wire_add(struct wire_pen *pen, const void *bytes, size_t n)
{
	if (pen->len + n > pen->room) {
		pen->room = 2 * (pen->len + n) + 512;
		pen->bytes = memory_grow(pen->bytes, pen->room, 1);
	}
	if (n > 0)
		memcpy(pen->bytes + pen->len, bytes, n);
	pen->len += n;
}

void wire_put(struct wire_pen *pen, int64_t number)
{
	wire_add(pen, &number, sizeof(number));
}

void wire_put_text_n(struct wire_pen *pen, const char *text, size_t len)
{
	wire_put(pen, text == NULL ? WIRE_NO_TEXT : (int64_t)len);
	if (text != NULL) {
		wire_add(pen, text, len);
		wire_add(pen, "", 1);
	}
}

void wire_put_text(struct wire_pen *pen, const char *text)
{
	wire_put_text_n(pen, text, text == NULL ? 0 : strlen(text));
}

int64_t wire_get(struct wire_eye *eye)
{
	int64_t number = 0;

	if (eye->bad || (size_t)(eye->end - eye->next) < sizeof(number)) {
		eye->bad = true;
		return 0;
	}
	memcpy(&number, eye->next, sizeof(number));
	eye->next += sizeof(number);
	return number;
}

int64_t wire_get_in(struct wire_eye *eye, int64_t min, int64_t max)
{
	int64_t number = wire_get(eye);

	if (!eye->bad && number >= min && number <= max)
		return number;
	eye->bad = true;
	return min;
}

const char *wire_get_text_n(struct wire_eye *eye, size_t *len_out)
{
	int64_t len = wire_get(eye);
	const char *text = eye->next;

	*len_out = 0;
	if (eye->bad || len == WIRE_NO_TEXT)
		return NULL;
	if (len < 0 || len >= eye->end - eye->next || text[len] != '\0') {
		eye->bad = true;
		return NULL;
	}
	eye->next += len + 1;
	*len_out = (size_t)len;
	return text;
}

const char *wire_get_text(struct wire_eye *eye)
{
	size_t len;
	const char *text = wire_get_text_n(eye, &len);

	if (text == NULL || memchr(text, '\0', len) == NULL)
		return text;
	eye->bad = true;
	return NULL;
}

const char *wire_get_some(struct wire_eye *eye)
{
	const char *text = wire_get_text(eye);

	eye->bad |= text == NULL;
	return text != NULL ? text : "";
}

static int64_t wire_now_ms(void)
{
	return clock_steady_ns() / 1000000;
}

/* 0 when the descriptor is ready. */
static int wire_wait(int fd, short events, int64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = until_ms - wire_now_ms();
		left = left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
		n = poll(&p, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return 0;
	errno = n == 0 ? ETIMEDOUT : errno;
	return -1;
}

static int wire_move(int fd, char *bytes, size_t n, bool out, int64_t until_ms)
{
	while (n > 0) {
		ssize_t done;

		if (wire_wait(fd, out ? POLLOUT : POLLIN, until_ms) < 0)
			return -1;
		done = out ? send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) :
			     recv(fd, bytes, n, MSG_DONTWAIT);
		if (done > 0) {
			bytes += done;
			n -= (size_t)done;
		} else if (done == 0) {
			errno = EPIPE;
			return -1;
		} else if (errno != EINTR && errno != EAGAIN) {
			errno = EPIPE;
			return -1;
		}
	}
	return 0;
}

int wire_send(int fd, struct wire_pen *pen, int64_t until_ms)
{
	uint32_t len = (uint32_t)(pen->len - sizeof(len));

	if (pen->len - sizeof(len) > WIRE_MAX) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(pen->bytes, &len, sizeof(len));
	return wire_move(fd, pen->bytes, pen->len, true, until_ms);
}

int wire_receive(int fd, char **bytes_out, size_t *len_out, int64_t until_ms)
{
	uint32_t len;
	char *bytes;

	if (wire_move(fd, (char *)&len, sizeof(len), false, until_ms) < 0)
		return -1;
	if (len > WIRE_MAX) {
		errno = EBADMSG;
		return -1;
	}
	bytes = memory_new(len + 1);
	if (wire_move(fd, bytes, len, false, until_ms) < 0) {
		free(bytes);
		return -1;
	}
	*bytes_out = bytes;
	*len_out = len;
	return 0;
}
