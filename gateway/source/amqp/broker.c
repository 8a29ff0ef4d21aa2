/* SPDX-License-Identifier: Apache-2.0 */
/* broker - see broker.h. */
#include "gateway/source/amqp/broker.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include <gantry/option.h>

#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/base/memory.h"
#include "gateway/source/amqp/login.h"
#include "gateway/source/amqp/watchdog.h"

#define BROKER_CLOSE_MS 1000
#define BROKER_BACKOFF_MS 100
#define BROKER_BACKOFF_MAX_MS 10000
#define BROKER_KEPT 64
/* A connection that held for this long counts as a success. */
#define BROKER_HELD_MS 10000

struct broker {
	const struct config_amqp *amqp;
	const char *password;
	char *name;
	bool confirms;
	struct watchdog *watchdog;
	amqp_connection_state_t connection;	/* NULL: closed */
	unsigned endpoint;	/* of this connection, or the last attempt */
	bool lost;		/* ended otherwise than by broker_close() */
	bool late;		/* the watchdog ended it */
	bool blocked;
	unsigned openings;	/* since the last that held */
	int64_t opened_ns;
	int64_t beat_ns;	/* when the next heartbeat is due */
	int64_t half_ns;	/* of its interval */
	amqp_frame_t kept[BROKER_KEPT];	/* read, but not asked for yet */
	unsigned n_kept;
};

const char *broker_library(void)
{
	return amqp_version();
}

struct broker *broker_new(const struct broker_options *options)
{
	struct broker *b = memory_new(sizeof(*b));

	assert(options->amqp->n_endpoints > 0);
	b->amqp = options->amqp;
	b->password = options->password;
	b->name = memory_text(options->name);
	b->confirms = options->confirms;
	b->watchdog = watchdog_new();
	return b;
}

/* Nothing is said to the peer. */
static void broker_drop(struct broker *b)
{
	int fd = broker_fd(b);

	if (b->connection == NULL)
		return;
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	amqp_destroy_connection(b->connection);
	b->connection = NULL;
	b->n_kept = 0;
}

void broker_free(struct broker **broker)
{
	struct broker *b = *broker;

	if (b == NULL)
		return;
	broker_drop(b);
	watchdog_free(&b->watchdog);
	free(b->name);
	free(b);
	*broker = NULL;
}

void broker_close(struct broker *b)
{
	struct timeval timeout = { BROKER_CLOSE_MS / 1000, 0 };

	if (b->connection != NULL && !b->lost) {
		amqp_set_rpc_timeout(b->connection, &timeout);
		broker_guard(b, BROKER_CLOSE_MS);
		amqp_connection_close(b->connection, AMQP_REPLY_SUCCESS);
		broker_unguard(b);
	}
	broker_drop(b);
}

bool broker_is_open(const struct broker *b)
{
	return b->connection != NULL && !b->lost;
}

const char *broker_endpoint(const struct broker *b)
{
	return b->amqp->endpoints[b->endpoint].text;
}

amqp_connection_state_t broker_connection(struct broker *b)
{
	return b->connection;
}

int broker_fd(const struct broker *b)
{
	return b->connection != NULL ? amqp_get_sockfd(b->connection) : -1;
}

bool broker_is_blocked(const struct broker *b)
{
	return b->blocked;
}

int64_t broker_pause_ms(const struct broker *b)
{
	return b->half_ns / 1000000 * 2 / 3;
}

void broker_release(struct broker *b)
{
	if (b->n_kept == 0 && b->connection != NULL)
		amqp_maybe_release_buffers(b->connection);
}

void broker_release_channel(struct broker *b, amqp_channel_t channel)
{
	for (unsigned i = 0; i < b->n_kept; i++)
		if (b->kept[i].channel == channel)
			return;
	amqp_maybe_release_buffers_on_channel(b->connection, channel);
}

void broker_guard(struct broker *b, int64_t ms)
{
	int fd = broker_fd(b);

	if (fd >= 0)
		watchdog_arm(b->watchdog, fd, ms);
}

void broker_unguard(struct broker *b)
{
	if (watchdog_disarm(b->watchdog))
		b->late = b->lost = true;
}

static int broker_fail(struct broker *b, const char *what, const char *why,
		       struct gantry_error *err)
{
	b->lost = true;
	if (b->late)
		why = "the broker took too long, and the connection was cut";
	return error_depends(err, GANTRY_DEPENDS_ON_BROKER, "%s: %s: %s",
			     broker_endpoint(b), what, why);
}

int broker_status(struct broker *b, const char *what, int status,
		  struct gantry_error *err)
{
	if (status == AMQP_STATUS_OK && !b->late)
		return 0;
	return broker_fail(b, what, login_status_text(status), err);
}

int broker_give_up(struct broker *b, const char *what, struct gantry_error *err)
{
	return broker_fail(b, "it sent", what, err);
}

/* Confirm the close, so that the channel can be opened again. */
static void broker_confirm_close(struct broker *b, amqp_channel_t channel)
{
	amqp_channel_close_ok_t ok = { 0 };

	broker_guard(b, BROKER_CLOSE_MS);
	if (amqp_send_method(b->connection, channel,
			     AMQP_CHANNEL_CLOSE_OK_METHOD, &ok) < 0)
		b->lost = true;
	broker_unguard(b);
}

int broker_reply(struct broker *b, amqp_channel_t channel, const char *what,
		 unsigned *code_out, struct gantry_error *err)
{
	amqp_rpc_reply_t reply = amqp_get_rpc_reply(b->connection);
	unsigned code = 0;

	if (reply.reply_type == AMQP_RESPONSE_NORMAL && !b->late)
		return 0;
	if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION || b->late) {
		broker_status(b, what, reply.library_error, err);
	} else {
		login_refused(&reply, what, err);
		if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
			code = ((amqp_channel_close_t *)reply.reply.decoded)
				       ->reply_code;
			broker_confirm_close(b, channel);
		} else {
			b->lost = true;
		}
	}
	if (code_out != NULL)
		*code_out = code;
	return -1;
}

unsigned broker_channel_closed(struct broker *b, const amqp_frame_t *frame,
			       struct gantry_error *err)
{
	const amqp_channel_close_t *close = frame->payload.method.decoded;

	assert(frame->payload.method.id == AMQP_CHANNEL_CLOSE_METHOD);
	error_depends(err, GANTRY_DEPENDS_ON_BROKER, "%.*s",
		      (int)close->reply_text.len,
		      (const char *)close->reply_text.bytes);
	broker_confirm_close(b, frame->channel);
	return close->reply_code;
}

int broker_channel(struct broker *b, amqp_channel_t channel,
		   struct gantry_error *err)
{
	broker_guard(b, BROKER_RPC_MS);
	amqp_channel_open(b->connection, channel);
	broker_unguard(b);
	return broker_reply(b, channel, "opening a channel", NULL, err);
}

int broker_channel_close(struct broker *b, amqp_channel_t channel,
			 struct gantry_error *err)
{
	amqp_rpc_reply_t reply;

	broker_guard(b, BROKER_RPC_MS);
	reply = amqp_channel_close(b->connection, channel, AMQP_REPLY_SUCCESS);
	broker_unguard(b);
	if (reply.reply_type == AMQP_RESPONSE_NORMAL && !b->late)
		return 0;
	return broker_status(b, "closing a channel", reply.library_error, err);
}

static int broker_prepare(struct broker *b, struct gantry_error *err)
{
	struct timeval timeout = { BROKER_RPC_MS / 1000, 0 };
	int64_t beat_s;

	amqp_set_rpc_timeout(b->connection, &timeout);
	beat_s = amqp_get_heartbeat(b->connection);
	if (beat_s <= 0)
		beat_s = b->amqp->heartbeat / 1000;
	b->half_ns = beat_s * 500000000;
	b->opened_ns = clock_steady_ns();
	b->beat_ns = b->opened_ns + b->half_ns / 2;
	if (broker_channel(b, BROKER_CHANNEL, err) < 0)
		return -1;
	if (!b->confirms)
		return 0;
	broker_guard(b, BROKER_RPC_MS);
	amqp_confirm_select(b->connection, BROKER_CHANNEL);
	broker_unguard(b);
	return broker_reply(b, BROKER_CHANNEL, "asking for confirms", NULL, err);
}

static int broker_try(struct broker *b, const char *password,
		      struct gantry_error *err)
{
	const struct login login = {
		.amqp = b->amqp,
		.endpoint = &b->amqp->endpoints[b->endpoint],
		.password = password,
		.name = b->name,
		.watchdog = b->watchdog,
	};

	b->late = b->lost = b->blocked = false;
	if (login_open(&login, &b->connection, err) == 0 &&
	    broker_prepare(b, err) == 0)
		return 0;
	broker_drop(b);
	return -1;
}

/* What each endpoint said, one after the other. */
static int broker_try_all(struct broker *b, const char *password,
			  struct gantry_error *err)
{
	char said[sizeof(err->message)] = "";
	size_t len = 0;

	if (b->lost)
		b->endpoint = (b->endpoint + 1) % b->amqp->n_endpoints;
	for (unsigned i = 0; i < b->amqp->n_endpoints; i++) {
		struct gantry_error one = ERROR_INIT;
		int result = broker_try(b, password, &one);

		if (result == 0)
			return 0;
		len += (size_t)snprintf(said + len, sizeof(said) - len, "%s%s",
					i > 0 ? "; " : "", one.message);
		if (len >= sizeof(said))
			len = sizeof(said) - 1;
		error_fini(&one);
		b->endpoint = (b->endpoint + 1) % b->amqp->n_endpoints;
	}
	b->lost = false;
	return error_depends(err, GANTRY_DEPENDS_ON_BROKER, "%s", said);
}

int broker_open(struct broker *b, struct gantry_error *err)
{
	char *secret = NULL;
	const char *password = b->password;
	size_t len = 0;
	int result;

	if (b->opened_ns > 0 &&
	    clock_steady_ns() - b->opened_ns > BROKER_HELD_MS * INT64_C(1000000))
		b->openings = 0;
	b->opened_ns = 0;
	b->openings++;
	broker_drop(b);
	if (password == NULL && b->amqp->password_file != NULL) {
		secret = gantry_secret(b->amqp->password_file, &len, err);
		if (secret == NULL)
			return -1;
	}
	if (password == NULL)
		password = secret != NULL ? secret : "guest";
	result = broker_try_all(b, password, err);
	gantry_secret_free(&secret, len);
	return result;
}

/* Half an interval after the last, so that the peer misses none. */
static int broker_beat(struct broker *b, int64_t now_ns,
		       struct gantry_error *err)
{
	const amqp_frame_t beat = { .frame_type = AMQP_FRAME_HEARTBEAT };
	int status;

	if (now_ns < b->beat_ns)
		return 0;
	b->beat_ns = now_ns + b->half_ns / 2;
	broker_guard(b, b->half_ns / 1000000);
	status = amqp_send_frame(b->connection, &beat);
	broker_unguard(b);
	return broker_status(b, "heartbeat", status, err);
}

/* Ours: true. The connection's own business is done on channel 0. */
static bool broker_is_own(struct broker *b, const amqp_frame_t *frame)
{
	if (frame->frame_type == AMQP_FRAME_HEARTBEAT)
		return true;
	if (frame->channel != 0 || frame->frame_type != AMQP_FRAME_METHOD)
		return frame->channel == 0;
	if (frame->payload.method.id == AMQP_CONNECTION_BLOCKED_METHOD)
		b->blocked = true;
	if (frame->payload.method.id == AMQP_CONNECTION_UNBLOCKED_METHOD)
		b->blocked = false;
	return true;
}

static int broker_closed(struct broker *b, const amqp_frame_t *frame,
			 struct gantry_error *err)
{
	const amqp_connection_close_t *close = frame->payload.method.decoded;
	amqp_connection_close_ok_t ok = { 0 };

	error_depends(err, GANTRY_DEPENDS_ON_BROKER,
		      "%s: the broker closed the connection: %.*s",
		      broker_endpoint(b), (int)close->reply_text.len,
		      (const char *)close->reply_text.bytes);
	broker_guard(b, BROKER_CLOSE_MS);
	amqp_send_method(b->connection, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
	broker_unguard(b);
	b->lost = true;
	return -1;
}

/* One frame or none within ms: 1, 0, -1. */
static int broker_read(struct broker *b, int64_t ms, amqp_frame_t *frame,
		       struct gantry_error *err)
{
	struct timeval timeout = { ms / 1000, ms % 1000 * 1000 };
	int status;

	status = amqp_simple_wait_frame_noblock(b->connection, frame, &timeout);
	if (status == AMQP_STATUS_TIMEOUT)
		return 0;
	if (broker_status(b, "reading", status, err) < 0)
		return -1;
	if (frame->channel == 0 && frame->frame_type == AMQP_FRAME_METHOD &&
	    frame->payload.method.id == AMQP_CONNECTION_CLOSE_METHOD)
		return broker_closed(b, frame, err);
	return 1;
}

static int broker_fetch(struct broker *b, int64_t timeout_ms,
			amqp_frame_t *frame_out, struct gantry_error *err)
{
	int64_t now_ns = clock_steady_ns();
	int64_t end_ns = now_ns + timeout_ms * 1000000;

	assert(timeout_ms >= 0 && b->connection != NULL);
	if (b->lost)
		return broker_fail(b, "reading", "the connection is lost", err);
	for (;;) {
		int64_t until_ns;
		int result;

		if (broker_beat(b, now_ns, err) < 0)
			return -1;
		until_ns = end_ns < b->beat_ns ? end_ns : b->beat_ns;
		result = broker_read(b, (until_ns - now_ns + 999999) / 1000000,
				     frame_out, err);
		if (result < 0 || (result > 0 && !broker_is_own(b, frame_out)))
			return result;
		now_ns = clock_steady_ns();
		if (result == 0 && now_ns >= end_ns)
			return 0;
		if (now_ns > end_ns)
			now_ns = end_ns;
	}
}

/* The first frame kept of a channel, or of any (-1). */
static bool broker_take(struct broker *b, int channel, amqp_frame_t *frame_out)
{
	for (unsigned i = 0; i < b->n_kept; i++) {
		if (channel >= 0 && b->kept[i].channel != channel)
			continue;
		*frame_out = b->kept[i];
		b->n_kept--;
		memmove(&b->kept[i], &b->kept[i + 1],
			(b->n_kept - i) * sizeof(*b->kept));
		return true;
	}
	return false;
}

int broker_wait(struct broker *b, int64_t timeout_ms, amqp_frame_t *frame_out,
		struct gantry_error *err)
{
	if (broker_take(b, -1, frame_out))
		return 1;
	return broker_fetch(b, timeout_ms, frame_out, err);
}

int broker_next(struct broker *b, amqp_channel_t channel, int64_t timeout_ms,
		amqp_frame_t *frame_out, struct gantry_error *err)
{
	int result;

	if (broker_take(b, channel, frame_out))
		return 1;
	for (;;) {
		result = broker_fetch(b, timeout_ms, frame_out, err);
		if (result <= 0 || frame_out->channel == channel)
			return result;
		if (b->n_kept == BROKER_KEPT)
			return broker_give_up(b, "too much on other channels",
					      err);
		b->kept[b->n_kept++] = *frame_out;
	}
}

int64_t broker_backoff(unsigned openings, uint64_t random)
{
	int64_t most = BROKER_BACKOFF_MAX_MS;

	if (openings < 7)
		most = BROKER_BACKOFF_MS << openings;
	return BROKER_BACKOFF_MS +
	       (int64_t)(random % (uint64_t)(most - BROKER_BACKOFF_MS + 1));
}

int64_t broker_backoff_ms(struct broker *b)
{
	uint64_t random;

	if (b->opened_ns > 0 &&
	    clock_steady_ns() - b->opened_ns > BROKER_HELD_MS * INT64_C(1000000))
		return broker_backoff(0, 0);
	ids_random(&random, sizeof(random));
	return broker_backoff(b->openings, random);
}
