/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_load - what the bench of events needs at the broker: feeds OrderCreated
 * events as fast as they are confirmed, and stands beside the gateway as the
 * plain program that takes each message, publishes the same bytes, and does
 * nothing else.
 *
 *	amqp_load feed PORT VHOST N ITEMS PREFIX
 *	amqp_load relay PORT VHOST QUEUE COPIES BODY-FILE	(until SIGTERM)
 *
 * User and password come from AMQP_USER and AMQP_PASSWORD. None of this is
 * Gantry's own code but the choice of headers.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/source/amqp/library.h"

#define WINDOW 512u
#define PREFETCH 512
#define GOODS 1000
#define CONSUMES 1
#define PUBLISHES 2

struct load {
	amqp_connection_state_t connection;
	uint64_t sent;			/* publishes; the last one's number */
	uint64_t confirmed;		/* all up to this one are */
	bool late[WINDOW * 8];		/* confirmed beyond that */
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "amqp_load: %s\n", what);
	exit(1);
}

static void check(const struct load *l, const char *what)
{
	if (amqp_get_rpc_reply(l->connection).reply_type != AMQP_RESPONSE_NORMAL)
		die(what);
}

static void load_open(struct load *l, int port, const char *vhost)
{
	const char *user = getenv("AMQP_USER"), *password = getenv("AMQP_PASSWORD");
	amqp_socket_t *socket;

	l->connection = amqp_new_connection();
	socket = amqp_tcp_socket_new(l->connection);
	if (socket == NULL || amqp_socket_open(socket, "127.0.0.1", port) != 0)
		die("no connection");
	if (amqp_login(l->connection, vhost, 4, 131072, 0, AMQP_SASL_METHOD_PLAIN,
		       user, password).reply_type != AMQP_RESPONSE_NORMAL)
		die("no login");
	amqp_channel_open(l->connection, CONSUMES);
	check(l, "channel");
	amqp_channel_open(l->connection, PUBLISHES);
	check(l, "channel");
	amqp_confirm_select(l->connection, PUBLISHES);
	check(l, "confirms");
}

static void load_publish(struct load *l, const char *exchange, const char *key,
			 const char *id, amqp_bytes_t body)
{
	const amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
			  AMQP_BASIC_MESSAGE_ID_FLAG,
		.content_type = amqp_cstring_bytes("application/json"),
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
		.message_id = amqp_cstring_bytes(id),
	};

	if (amqp_basic_publish(l->connection, PUBLISHES, amqp_cstring_bytes(exchange),
			       amqp_cstring_bytes(key), 1, 0, &properties,
			       body) != AMQP_STATUS_OK)
		die("publishing failed");
	l->sent++;
}

static void load_confirmed(struct load *l, uint64_t tag, bool multiple)
{
	const unsigned span = sizeof(l->late) / sizeof(*l->late);

	if (multiple)
		for (uint64_t t = l->confirmed + 1; t < tag; t++)
			l->late[t % span] = true;
	l->late[tag % span] = true;
	while (l->confirmed < l->sent && l->late[(l->confirmed + 1) % span])
		l->late[++l->confirmed % span] = false;
}

/* The next frame, waiting at most ms. False: none came. */
static bool load_frame(struct load *l, int ms, amqp_frame_t *frame)
{
	struct timeval wait = { ms / 1000, ms % 1000 * 1000 };
	int status;

	amqp_maybe_release_buffers(l->connection);
	status = amqp_simple_wait_frame_noblock(l->connection, frame, &wait);
	if (status == AMQP_STATUS_TIMEOUT)
		return false;
	if (status != AMQP_STATUS_OK)
		die(amqp_error_string2(status));
	return frame->frame_type == AMQP_FRAME_METHOD;
}

/* A confirm is dealt with; false: it is something else. */
static bool load_is_confirm(struct load *l, const amqp_frame_t *frame)
{
	const amqp_basic_ack_t *ack = frame->payload.method.decoded;

	if (frame->payload.method.id == AMQP_BASIC_NACK_METHOD ||
	    frame->payload.method.id == AMQP_BASIC_RETURN_METHOD)
		die("a message was not taken");
	if (frame->payload.method.id != AMQP_BASIC_ACK_METHOD)
		return false;
	load_confirmed(l, ack->delivery_tag, ack->multiple);
	return true;
}

static void load_wait(struct load *l, uint64_t most)
{
	amqp_frame_t frame;

	while (l->sent - l->confirmed > most)
		if (load_frame(l, 30000, &frame) && !load_is_confirm(l, &frame))
			die("an unexpected method");
}

/* --- feed --- */

static int feed_body(char *out, size_t size, const char *prefix, int n, int items)
{
	int at = snprintf(out, size,
		"{\"eventId\":\"%s-%d\",\"eventType\":\"OrderCreated\","
		"\"eventVersion\":\"1.0.0\",\"aggregateId\":\"ord_%s_%d\","
		"\"aggregateType\":\"Order\",\"timestamp\":\"2030-01-01T00:00:00Z\","
		"\"metadata\":{\"correlationId\":\"ord_%s_%d\","
		"\"source\":\"order-service\"},\"payload\":{\"orderId\":\"ord_%s_%d\","
		"\"requiresPreAllocation\":true,\"items\":[",
		prefix, n, prefix, n, prefix, n, prefix, n);

	for (int i = 0; i < items; i++)
		at += snprintf(out + at, size - (size_t)at,
			"%s{\"orderItemId\":\"item_%d\",\"inventoryItemId\":\"inv_%u\","
			"\"quantity\":1}", i > 0 ? "," : "", i,
			((unsigned)n * 2654435761u + (unsigned)i * 7919u) % GOODS);
	return at + snprintf(out + at, size - (size_t)at, "]}}");
}

static int feed(struct load *l, char **argv)
{
	int n = atoi(argv[0]), items = atoi(argv[1]);
	char body[4096], id[128];

	if (items < 1 || items > 20)
		die("1 to 20 items");
	for (int i = 0; i < n; i++) {
		int len = feed_body(body, sizeof(body), argv[2], i, items);

		snprintf(id, sizeof(id), "%s-%d", argv[2], i);
		load_publish(l, "order.events", "order.ordercreated.order", id,
			     (amqp_bytes_t){ .len = (size_t)len, .bytes = body });
		load_wait(l, WINDOW - 1);
	}
	load_wait(l, 0);
	return 0;
}

/* --- relay --- */

static volatile sig_atomic_t relay_ended;

static void relay_end(int number)
{
	(void)number;
	relay_ended = 1;
}

struct relay {
	amqp_bytes_t body;
	uint64_t copies, taken, acked;
};

static void relay_take(struct load *l, struct relay *r)
{
	amqp_message_t message;
	char id[64];

	if (amqp_read_message(l->connection, CONSUMES, &message, 0).reply_type !=
	    AMQP_RESPONSE_NORMAL)
		die("reading a message");
	amqp_destroy_message(&message);
	r->taken++;
	for (uint64_t i = 0; i < r->copies; i++) {
		snprintf(id, sizeof(id), "relay-%llu", (unsigned long long)l->sent);
		load_publish(l, "inventory.events",
			     "inventory.allocationcreated.allocation", id, r->body);
	}
}

/* What both copies of are confirmed; not each one alone while more come. */
static void relay_ack(struct load *l, struct relay *r, bool idle)
{
	uint64_t done = l->confirmed / r->copies;

	if (done == r->acked || (!idle && done - r->acked < PREFETCH / 8))
		return;
	if (amqp_basic_ack(l->connection, CONSUMES, done, 1) != AMQP_STATUS_OK)
		die("acknowledging");
	r->acked = done;
}

static amqp_bytes_t relay_body(const char *path)
{
	static char body[65536];
	FILE *f = fopen(path, "rb");
	size_t len = f == NULL ? 0 : fread(body, 1, sizeof(body), f);

	if (len == 0)
		die("no body to publish");
	fclose(f);
	return (amqp_bytes_t){ .len = len, .bytes = body };
}

static int relay(struct load *l, char **argv)
{
	struct relay r = { .copies = strtoull(argv[1], NULL, 10),
			   .body = relay_body(argv[2]) };
	amqp_frame_t frame;

	signal(SIGTERM, relay_end);
	amqp_basic_qos(l->connection, CONSUMES, 0, PREFETCH, 0);
	check(l, "prefetch");
	amqp_basic_consume(l->connection, CONSUMES, amqp_cstring_bytes(argv[0]),
			   amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
	check(l, "consume");
	while (!relay_ended) {
		bool any = load_frame(l, 0, &frame);

		if (!any) {
			relay_ack(l, &r, true);
			any = load_frame(l, 20, &frame);
		}
		if (!any)
			continue;
		if (frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD)
			relay_take(l, &r);
		else
			load_is_confirm(l, &frame);
		relay_ack(l, &r, false);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct load load;

	if (argc != 7)
		die("usage: feed|relay PORT VHOST ... (see its source)");
	load_open(&load, atoi(argv[2]), argv[3]);
	if (strcmp(argv[1], "feed") == 0)
		return feed(&load, argv + 4);
	if (strcmp(argv[1], "relay") == 0)
		return relay(&load, argv + 4);
	die("feed or relay");
}
