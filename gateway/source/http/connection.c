/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection - what is known of a connection between its requests, and what
 * happens when its time is up.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/source/http/request.h"
#include "gateway/source/http/tls.h"

#define CONNECTION_GRACE_NS INT64_C(250000000)
/* What is in doubt for so long is answered: two seconds after the storage went
   nobody waits for it any more. */
#define CONNECTION_DOUBT_NS INT64_C(1500000000)
#define CONNECTION_DOUBT						\
	"The storage went away while it stored this. Ask again with the same " \
	"Idempotency-Key: whether it was done is not known yet"

struct http_connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info->socket_context;
}

static void connection_shutdown(struct http_connection *c)
{
	shutdown(c->fd, SHUT_RDWR);
	c->cut = true;
	watch_move(&c->loop->watch, &c->watched, WATCH_CUT);
}

/* Full: who rests longest makes room, so that resting ones cannot lock others out. */
static void connection_make_room(struct http_loop *loop)
{
	struct watched *longest = loop->watch.lists[WATCH_IDLE].next;

	if (loop->watch.count[WATCH_IDLE] > 0 &&
	    loop->watch.count[WATCH_CUT] == 0 &&
	    watch_count(&loop->watch) >= loop->max_connections)
		connection_shutdown((struct http_connection *)longest);
}

/* What libmicrohttpd has set up knows neither certificate nor versions. */
static void connection_begin_tls(struct http_connection *c, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	c->tls = http_take_tls(c->loop->http);
	c->session = info != NULL ? info->tls_session : NULL;
	if (c->session == NULL || tls_begin(c->tls, c->session) < 0)
		connection_shutdown(c);
}

static void connection_name_peer(struct http_connection *c, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
	const void *bytes = NULL;

	if (address != NULL && address->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
	else if (address != NULL && address->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (bytes == NULL ||
	    inet_ntop(address->sa_family, bytes, c->peer, sizeof(c->peer)) == NULL)
		c->peer[0] = '\0';
}

void connection_notify(void *cls, struct MHD_Connection *mhd, void **context,
		       enum MHD_ConnectionNotificationCode what)
{
	struct http_loop *loop = cls;
	struct http_connection *c = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		c = memory_new(sizeof(*c));
		c->loop = loop;
		atomic_fetch_add(&loop->open, 1);
		c->fd = MHD_get_connection_info(
			mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		connection_name_peer(c, mhd);
		watch_add(&loop->watch, &c->watched, WATCH_HEAD);
		connection_make_room(loop);
		if (loop->tls)
			connection_begin_tls(c, mhd);
		*context = c;
	} else if (c != NULL) {
		watch_remove(&loop->watch, &c->watched);
		loop->closed = true;
		atomic_fetch_sub(&loop->open, 1);
		*context = NULL;
		tls_release(&c->tls);
		free(c);
	}
}

/* Whether bytes came after the last answer: a head has begun. */
static bool connection_has_begun(const struct http_connection *c)
{
	int64_t idle_ms = (c->loop->watch.now_ns - c->watched.idle_ns) / 1000000;
	struct tcp_info info;
	socklen_t len = sizeof(info);

	/* not TCP: then the idle limit alone holds */
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return false;
	return (int64_t)info.tcpi_last_data_recv + 10 < idle_ms;
}

static void connection_idle_due(struct http_connection *c)
{
	struct watch *watch = &c->loop->watch;
	int64_t idle_ns = watch->now_ns - c->watched.idle_ns;

	if (connection_has_begun(c))
		watch_move(watch, &c->watched, WATCH_HEAD);
	else if (idle_ns >= c->loop->limits.idle_timeout_ms * 1000000)
		connection_shutdown(c);
	else
		watch_move(watch, &c->watched, WATCH_IDLE);
}

/* A request is at the engine, and is looked at now and then. */
static void connection_wait_due(struct http_connection *c)
{
	const struct http_options *o = &c->loop->http->options;
	struct watch *watch = &c->loop->watch;
	struct http_request *r = c->request;
	int64_t waited_ns = watch->now_ns - r->began_ns;
	bool late = c->watched.phase == WATCH_LATE;

	if (r->state == REQUEST_WAITING && waited_ns >= CONNECTION_DOUBT_NS &&
	    o->ops.in_doubt != NULL &&
	    o->ops.in_doubt(o->ops.ctx, &r->m)) {
		request_detach(r, "STORAGE_UNAVAILABLE", CONNECTION_DOUBT);
		return;
	}
	if (!late && waited_ns >= o->request_timeout_ms * 1000000) {
		log_warning("http: a request has waited %lld ms for its answer",
			    (long long)o->request_timeout_ms);
		late = true;
	}
	watch_move(watch, &c->watched, late ? WATCH_LATE : WATCH_WAIT);
}

void connection_due(struct http_connection *c)
{
	switch (c->watched.phase) {
	case WATCH_HEAD:
	case WATCH_BODY:
		if (c->request != NULL)
			reply_cut(c, "REQUEST_TIMEOUT", NULL);
		else
			connection_shutdown(c);
		break;
	case WATCH_WAIT:
	case WATCH_LATE:
		connection_wait_due(c);
		break;
	case WATCH_IDLE:
		connection_idle_due(c);
		break;
	default:
		connection_shutdown(c);
		break;
	}
}

/* Connections of one phase that have no request and rest long enough. */
static void connection_close_phase(struct http_loop *loop, enum watch_phase phase)
{
	struct watched *ring = &loop->watch.lists[phase], *w, *next;

	for (w = ring->next; w != ring; w = next) {
		struct http_connection *c = (struct http_connection *)w;

		next = w->next;
		if (c->request == NULL)
			connection_shutdown(c);
	}
}

int connection_close_resting(struct http_loop *loop)
{
	int64_t left = loop->quiesced_ns + CONNECTION_GRACE_NS - loop->watch.now_ns;

	if (left > 0)
		return (int)(left / 1000000) + 1;
	connection_close_phase(loop, WATCH_HEAD);
	connection_close_phase(loop, WATCH_IDLE);
	return -1;
}
