/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - one thread, one epoll set, one libmicrohttpd daemon in external mode
 * (its own epoll threads stall at 128 ready connections).
 *
 * The set holds the daemon's set and an eventfd. Answers from other threads
 * come in a list, with one write for a whole batch.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"
#include "gateway/source/http/listen.h"
#include "gateway/source/http/request.h"
#include "gateway/source/http/tls.h"

/* Above 32 KiB the library maps a connection's memory, and gives it back. */
#define LOOP_MIN_POOL 36864u
/* Between two looks at a request that is at the engine. */
#define LOOP_LOOK_NS INT64_C(400000000)
#define LOOP_LAST_TURNS 100

static void loop_set_limits(struct http_loop *loop)
{
	const struct http_limits *o = &loop->limits;
	int64_t *limit = loop->watch.limit_ns;
	int64_t look_ms = o->head_timeout_ms / 2;

	/* a rest is looked at more often than it may last: see connection.c */
	if (look_ms > o->idle_timeout_ms)
		look_ms = o->idle_timeout_ms;
	limit[WATCH_HEAD] = o->head_timeout_ms * 1000000;
	limit[WATCH_BODY] = o->body_timeout_ms * 1000000;
	limit[WATCH_WAIT] = limit[WATCH_LATE] = LOOP_LOOK_NS;
	limit[WATCH_SEND] = o->body_timeout_ms * 1000000;
	limit[WATCH_IDLE] = (look_ms > 0 ? look_ms : 1) * 1000000;
}

static struct MHD_Daemon *loop_daemon(struct http_loop *loop)
{
	size_t pool = (size_t)loop->http->options.max_head * 2 + 4096;
	const unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
			       (loop->tls ? MHD_USE_TLS : 0);
	/* it does not start without; each connection gets ours instead */
	struct MHD_OptionItem certificate[] = {
		{ loop->tls ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END, 0,
		  tls_no_certificate() },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (pool < LOOP_MIN_POOL)
		pool = LOOP_MIN_POOL;
	return MHD_start_daemon(
		flags, 0, NULL, NULL, request_access, loop,
		MHD_OPTION_LISTEN_SOCKET, loop->listen_fd,
		MHD_OPTION_CONNECTION_LIMIT, loop->max_connections,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, pool,
		MHD_OPTION_URI_LOG_CALLBACK, request_begin, loop,
		MHD_OPTION_UNESCAPE_CALLBACK, request_leave_raw, loop,
		MHD_OPTION_NOTIFY_COMPLETED, request_end, loop,
		MHD_OPTION_NOTIFY_CONNECTION, connection_notify, loop,
		MHD_OPTION_ARRAY, certificate,
#if MHD_VERSION >= 0x01000000
		MHD_OPTION_CLIENT_DISCIPLINE_LVL, 2,
#else
		/* the guard says the same, in our own envelope and once */
		MHD_OPTION_STRICT_FOR_CLIENT, 0,
#endif
		MHD_OPTION_END);
}

static int loop_join(struct http_loop *loop, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int loop_open(struct http_loop *loop)
{
	const union MHD_DaemonInfo *info;

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->wake_fd < 0)
		return -1;
	loop->daemon = loop_daemon(loop);
	if (loop->daemon == NULL)
		return -1;
	info = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		return -1;
	return loop_join(loop, info->epoll_fd) < 0 ||
	       loop_join(loop, loop->wake_fd) < 0 ? -1 : 0;
}

struct http_loop *loop_new(struct http *http, int listen_fd, unsigned max,
			   struct gantry_error *err)
{
	struct http_loop *loop = memory_new(sizeof(*loop));

	loop->http = http;
	loop->listen_fd = listen_fd;
	loop->max_connections = max;
	loop->tls = http->tls != NULL && listen_port(listen_fd) != 0;
	loop->epoll_fd = loop->wake_fd = -1;
	loop->answered_end = &loop->answered;
	loop->turns = 1;
	loop->looks_raw = strcmp(MHD_get_version(), "0.9.75") == 0;
	pthread_mutex_init(&loop->lock, NULL);
	watch_init(&loop->watch);
	loop->limits = (struct http_limits){
		http->options.max_body, http->options.head_timeout_ms,
		http->options.body_timeout_ms, http->options.idle_timeout_ms };
	loop_set_limits(loop);
	if (loop_open(loop) == 0)
		return loop;
	gantry_fail(err, "http: cannot start a loop: %s",
		    errno != 0 ? strerror(errno) : "libmicrohttpd refused");
	loop_free(loop);
	return NULL;
}

static struct gantry_message *loop_take_list(struct http_loop *loop)
{
	struct gantry_message *m = loop->answered;

	loop->answered = NULL;
	loop->answered_end = &loop->answered;
	return m;
}

static void loop_resume_list(struct gantry_message *m)
{
	struct gantry_message *next;

	for (; m != NULL; m = next) {
		next = m->next;
		m->next = NULL;
		request_resume(m->home_data);
	}
}

static void loop_take_answers(struct http_loop *loop)
{
	struct gantry_message *m;

	pthread_mutex_lock(&loop->lock);
	m = loop_take_list(loop);
	pthread_mutex_unlock(&loop->lock);
	loop_resume_list(m);
}

static int loop_wait_ms(struct http_loop *loop, int rest_ms)
{
	MHD_UNSIGNED_LONG_LONG library_ms;
	int wait = watch_wait_ms(&loop->watch);

	/* out of connections or files the library stops listening, and looks
	   whether it may again only when it is run */
	if (loop->closed)
		wait = 0;
	loop->closed = false;
	if (rest_ms >= 0 && (wait < 0 || rest_ms < wait))
		wait = rest_ms;
	/* must be asked each time: unread bytes make no new event */
	if (MHD_get_timeout(loop->daemon, &library_ms) == MHD_YES &&
	    (wait < 0 || library_ms < (unsigned)wait))
		wait = (int)library_ms;
	return wait;
}

static bool loop_has_answers(struct http_loop *loop)
{
	bool any;

	pthread_mutex_lock(&loop->lock);
	any = loop->answered != NULL;
	pthread_mutex_unlock(&loop->lock);
	return any;
}

/* Whether somebody has something for us. */
static bool loop_wait(struct http_loop *loop, int wait_ms)
{
	struct epoll_event events[2];
	bool woken;
	int n;

	/* before the look: who comes after it knows that we wait */
	atomic_store(&loop->dozes, true);
	woken = loop_has_answers(loop);
	n = epoll_wait(loop->epoll_fd, events, 2, woken ? 0 : wait_ms);
	if (!atomic_exchange(&loop->dozes, false))
		woken = true;
	for (int i = 0; i < n; i++) {
		uint64_t count;

		if (events[i].data.fd != loop->wake_fd)
			continue;
		if (read(loop->wake_fd, &count, sizeof(count)) > 0)
			woken = true;
	}
	loop->watch.now_ns = clock_steady_ns();
	return woken;
}

static void loop_sweep(struct http_loop *loop)
{
	struct watched *w;

	while ((w = watch_due(&loop->watch)) != NULL)
		connection_due((struct http_connection *)w);
}

static void loop_quiesce(struct http_loop *loop)
{
	struct pollfd more = { .fd = loop->listen_fd, .events = POLLIN };

	/* what the kernel has accepted for us is served; one turn takes a few */
	for (int i = 0; i < LOOP_LAST_TURNS && poll(&more, 1, 0) > 0; i++)
		MHD_run(loop->daemon);
	if (MHD_quiesce_daemon(loop->daemon) != MHD_INVALID_SOCKET)
		close(loop->listen_fd);
	loop->listen_fd = -1;
	loop->quiesced = true;
	loop->quiesced_ns = loop->watch.now_ns;
}

static void loop_say_quiet(struct http_loop *loop, bool *said)
{
	struct http *http = loop->http;

	if (*said || watch_count(&loop->watch) > 0)
		return;
	*said = true;
	pthread_mutex_lock(&http->lock);
	http->n_quiet++;
	pthread_cond_signal(&http->quiet);
	pthread_mutex_unlock(&http->lock);
}

static void loop_detach_phase(struct http_loop *loop, enum watch_phase phase)
{
	struct watched *ring = &loop->watch.lists[phase], *w, *next;

	for (w = ring->next; w != ring; w = next) {
		struct http_connection *c = (struct http_connection *)w;

		next = w->next;
		if (c->request->state != REQUEST_WAITING)
			continue;	/* its answer has just come */
		request_detach(c->request, "OVERLOADED", NULL);
	}
}

/* Nothing may be suspended when the daemon stops, or it aborts. */
static void loop_end(struct http_loop *loop)
{
	for (int i = 0; i < LOOP_LAST_TURNS; i++) {
		MHD_UNSIGNED_LONG_LONG wait = 1;

		/* a turn may bring one more */
		loop_take_answers(loop);
		loop_detach_phase(loop, WATCH_WAIT);
		loop_detach_phase(loop, WATCH_LATE);
		MHD_run(loop->daemon);
		if (loop->watch.count[WATCH_WAIT] == 0 &&
		    (MHD_get_timeout(loop->daemon, &wait) != MHD_YES || wait > 0))
			break;
	}
	MHD_stop_daemon(loop->daemon);
	loop->daemon = NULL;
	/* from here on whoever answers a request buries it */
	pthread_mutex_lock(&loop->lock);
	loop->gone = true;
	loop_resume_list(loop_take_list(loop));
	loop->submitted = loop->given_up;
	pthread_mutex_unlock(&loop->lock);
}

/* What others said since the last turn. */
static void loop_hear(struct http_loop *loop, bool *stop, bool *quit)
{
	bool bounded;

	pthread_mutex_lock(&loop->lock);
	*stop = loop->stop;
	*quit = loop->quit;
	bounded = loop->bounded;
	loop->bounded = false;
	if (bounded)
		loop->limits = loop->next_limits;
	pthread_mutex_unlock(&loop->lock);
	if (bounded)
		loop_set_limits(loop);
}

void *loop_run(void *arg)
{
	struct http_loop *loop = arg;
	bool stop = false, quit = false, said = false;
	int rest_ms = -1;

	thread_begin("http", THREAD_BRIEF);
	loop->self = pthread_self();
	loop->watch.now_ns = clock_steady_ns();
	while (!quit) {
		atomic_fetch_add_explicit(&loop->turns, 1, memory_order_relaxed);
		if (loop_wait(loop, loop_wait_ms(loop, rest_ms))) {
			loop_take_answers(loop);
			loop_hear(loop, &stop, &quit);
		}
		MHD_run(loop->daemon);
		if (stop && !loop->quiesced)
			loop_quiesce(loop);
		loop_sweep(loop);
		if (loop->quiesced) {
			rest_ms = connection_close_resting(loop);
			loop_say_quiet(loop, &said);
		}
	}
	loop_end(loop);
	return NULL;
}

/* Lock held. */
static void loop_wake(struct http_loop *loop)
{
	uint64_t one = 1;

	if (write(loop->wake_fd, &one, sizeof(one)) < 0)
		errno = 0;
}

void loop_tell(struct http_loop *loop, bool quit)
{
	pthread_mutex_lock(&loop->lock);
	loop->stop = true;
	loop->quit = quit;
	loop_wake(loop);
	pthread_mutex_unlock(&loop->lock);
}

void loop_bound(struct http_loop *loop, const struct http_limits *limits)
{
	pthread_mutex_lock(&loop->lock);
	loop->next_limits = *limits;
	loop->bounded = true;
	loop_wake(loop);
	pthread_mutex_unlock(&loop->lock);
}

bool loop_moves(struct http_loop *loop)
{
	uint64_t one = 1, turns = atomic_load(&loop->turns);
	bool moved = turns != loop->turns_seen;

	loop->turns_seen = turns;
	if (write(loop->wake_fd, &one, sizeof(one)) < 0)
		errno = 0;
	return moved;
}

void loop_drop(struct http_loop *loop)
{
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

void loop_free(struct http_loop *loop)
{
	bool waited_for;

	if (loop->daemon != NULL) {
		/* it never ran; this closes the listening socket, too */
		MHD_stop_daemon(loop->daemon);
		loop->listen_fd = -1;
	}
	if (loop->listen_fd >= 0)
		close(loop->listen_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	request_pool_free(loop);
	pthread_mutex_lock(&loop->lock);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	loop->http = NULL;
	waited_for = loop->submitted > 0;
	pthread_mutex_unlock(&loop->lock);
	if (!waited_for)
		loop_drop(loop);
}
