/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events - see events.h.
 *
 * curl forgets a socket between two calls and wants it again for the next one.
 * Here it stays in the set as it was, so that a kept connection costs no
 * system call; what it says when nobody wants to hear it takes it out.
 */
#include "gateway/upstream/events.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"

#define EVENTS_AT_ONCE 128
#define EVENTS_NEVER INT64_MAX

struct events_socket {
	uint32_t is;		/* what the set has; 0: it is not there */
	uint32_t wanted;	/* by curl; 0: nothing */
	bool told;		/* we shall hear of its end */
};

struct events {
	CURLM *multi;
	int epoll_fd, wake_fd;
	_Atomic bool dozes;	/* a wake is of use */
	int64_t due_ms;		/* steady; when curl wants to be called */
	struct events_socket *sockets;	/* by file descriptor */
	size_t n_sockets;
};

static int64_t events_now(void)
{
	return clock_steady_ns() / 1000000;
}

static struct events_socket *events_at(struct events *e, curl_socket_t fd)
{
	size_t n = e->n_sockets > 0 ? e->n_sockets : 64;

	if ((size_t)fd >= e->n_sockets) {
		struct events_socket *more;

		while (n <= (size_t)fd)
			n *= 2;
		more = memory_new_array(n, sizeof(*more));
		if (e->n_sockets > 0)
			memcpy(more, e->sockets, e->n_sockets * sizeof(*more));
		free(e->sockets);
		e->sockets = more;
		e->n_sockets = n;
	}
	return &e->sockets[fd];
}

static void events_set(struct events *e, curl_socket_t fd, uint32_t mask)
{
	struct events_socket *s = events_at(e, fd);
	struct epoll_event event = { .events = mask, .data.fd = fd };
	int how = mask == 0 ? EPOLL_CTL_DEL : s->is == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (s->is == mask)
		return;
	/* a socket that was closed has left the set by itself */
	if (epoll_ctl(e->epoll_fd, how, fd, &event) < 0 && how != EPOLL_CTL_DEL)
		abort();
	s->is = mask;
}

static int events_want(CURL *curl, curl_socket_t fd, int what, void *ctx, void *mine)
{
	struct events *e = ctx;
	uint32_t mask = 0;

	(void)curl;
	(void)mine;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		mask |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		mask |= EPOLLOUT;
	events_at(e, fd)->wanted = mask;
	/* those of the resolver are closed behind our back */
	if (mask != 0 || !events_at(e, fd)->told)
		events_set(e, fd, mask);
	return 0;
}

static curl_socket_t events_open(void *ctx, curlsocktype purpose,
				 struct curl_sockaddr *address)
{
	curl_socket_t fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
				  address->protocol);

	(void)purpose;
	if (fd != CURL_SOCKET_BAD)
		*events_at(ctx, fd) = (struct events_socket){ .told = true };
	return fd;
}

/* Before the number is given to another one. */
static int events_close(void *ctx, curl_socket_t fd)
{
	struct events *e = ctx;

	events_set(e, fd, 0);
	*events_at(e, fd) = (struct events_socket){ 0 };
	return close(fd);
}

static int events_timer(CURLM *multi, long wait_ms, void *ctx)
{
	struct events *e = ctx;

	(void)multi;
	e->due_ms = wait_ms < 0 ? EVENTS_NEVER : events_now() + wait_ms;
	return 0;
}

struct events *events_new(long connections)
{
	struct events *e = memory_new(sizeof(*e));
	struct epoll_event event = { .events = EPOLLIN };

	e->multi = curl_multi_init();
	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->due_ms = EVENTS_NEVER;
	event.data.fd = e->wake_fd;
	if (e->multi == NULL || e->epoll_fd < 0 || e->wake_fd < 0 ||
	    epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, e->wake_fd, &event) < 0)
		abort();
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, events_want);
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, events_timer);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e);
	/* or it keeps four for each call under way, and in a lull closes the rest */
	curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, connections);
	return e;
}

void events_free(struct events **events)
{
	struct events *e = *events;

	if (e == NULL)
		return;
	*events = NULL;
	curl_multi_cleanup(e->multi);
	close(e->epoll_fd);
	close(e->wake_fd);
	free(e->sockets);
	free(e);
}

CURLM *events_multi(const struct events *e)
{
	return e->multi;
}

void events_prepare(struct events *e, CURL *curl)
{
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, events_open);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, e);
	curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, events_close);
	curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, e);
}

static void events_happened(struct events *e, const struct epoll_event *event)
{
	int fd = event->data.fd, mask = 0, running;
	uint64_t count;

	if (fd == e->wake_fd) {
		if (read(fd, &count, sizeof(count)) < 0)
			errno = 0;
		return;
	}
	/* nobody waits for it: the other side has closed it, or did so before */
	if (events_at(e, fd)->wanted == 0) {
		events_set(e, fd, 0);
		return;
	}
	mask |= event->events & EPOLLIN ? CURL_CSELECT_IN : 0;
	mask |= event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0;
	mask |= event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0;
	curl_multi_socket_action(e->multi, fd, mask, &running);
}

void events_doze(struct events *e)
{
	atomic_store(&e->dozes, true);
}

void events_turn(struct events *e, int wait_ms)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int64_t left = e->due_ms == EVENTS_NEVER ? wait_ms : e->due_ms - events_now();
	int n, running;

	if (left > wait_ms)
		left = wait_ms;
	n = epoll_wait(e->epoll_fd, events, EVENTS_AT_ONCE, left > 0 ? (int)left : 0);
	atomic_store(&e->dozes, false);
	for (int i = 0; i < n; i++)
		events_happened(e, &events[i]);
	if (e->due_ms != EVENTS_NEVER && events_now() >= e->due_ms) {
		/* it is set anew from within, unless there is nothing more */
		e->due_ms = EVENTS_NEVER;
		curl_multi_socket_action(e->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

void events_wake(struct events *e)
{
	uint64_t one = 1;

	/* full means that it is awake already */
	if (atomic_exchange(&e->dozes, false) &&
	    write(e->wake_fd, &one, sizeof(one)) < 0)
		errno = 0;
}
