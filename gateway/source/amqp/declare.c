/* SPDX-License-Identifier: Apache-2.0 */
/* declare - see declare.h. */
#include "gateway/source/amqp/declare.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
	DECLARE_REFUSED = 403,
	DECLARE_NOT_FOUND = 404,
	DECLARE_DIFFERS = 406,
};

static amqp_table_t declare_table(const struct topology_item *item,
				  amqp_table_entry_t entries[])
{
	for (unsigned i = 0; i < item->n_arguments; i++) {
		const struct topology_argument *a = &item->arguments[i];
		amqp_field_value_t value = { .kind = AMQP_FIELD_KIND_I64,
					     .value.i64 = a->number };

		if (a->text != NULL) {
			value.kind = AMQP_FIELD_KIND_UTF8;
			value.value.bytes = amqp_cstring_bytes(a->text);
		}
		entries[i] = (amqp_table_entry_t){ amqp_cstring_bytes(a->name),
						   value };
	}
	return (amqp_table_t){ (int)item->n_arguments, entries };
}

static void declare_send(amqp_connection_state_t connection,
			 const struct topology_item *item, bool passive)
{
	amqp_table_entry_t entries[TOPOLOGY_ARGUMENTS];
	amqp_table_t table = declare_table(item, entries);
	amqp_bytes_t name = amqp_cstring_bytes(item->name);

	switch (item->kind) {
	case TOPOLOGY_EXCHANGE:
		amqp_exchange_declare(connection, TOPOLOGY_CHANNEL, name,
				      amqp_cstring_bytes("topic"), passive, 1,
				      0, 0, table);
		break;
	case TOPOLOGY_QUEUE:
		amqp_queue_declare(connection, TOPOLOGY_CHANNEL, name, passive,
				   1, 0, 0, table);
		break;
	case TOPOLOGY_BINDING:
		amqp_queue_bind(connection, TOPOLOGY_CHANNEL, name,
				amqp_cstring_bytes(item->exchange),
				amqp_cstring_bytes(item->key), table);
		break;
	}
}

/* 0: done; the reply code of a refusal, with item->said; -1: lost. */
static int declare_call(struct broker *b, struct topology_item *item,
			bool passive, struct gantry_error *err)
{
	struct gantry_error refused = ERROR_INIT;
	unsigned code;
	int result;

	item->said[0] = '\0';
	broker_guard(b, BROKER_RPC_MS);
	declare_send(broker_connection(b), item, passive);
	broker_unguard(b);
	result = broker_reply(b, TOPOLOGY_CHANNEL, item->name, &code, &refused);
	if (result == 0) {
		broker_release_channel(b, TOPOLOGY_CHANNEL);
		return 0;
	}
	if (code == 0)
		error_depends(err, GANTRY_DEPENDS_ON_BROKER, "%s",
			      refused.message);
	else
		snprintf(item->said, sizeof(item->said), "%.*s",
			 TOPOLOGY_SAID - 1,
			 refused.message + strlen(item->name) + 2);
	error_fini(&refused);
	if (code == 0 || broker_channel(b, TOPOLOGY_CHANNEL, err) < 0)
		return -1;
	return (int)code;
}

/* A queue without a leader is "not found" as well; then it is there. */
static bool declare_is_missing(const struct topology_item *item, int code)
{
	return code == DECLARE_NOT_FOUND &&
	       strstr(item->said, item->kind == TOPOLOGY_QUEUE ?
					  "no queue" :
					  "no exchange") != NULL;
}

int declare_look(struct broker *b, struct topology_item *item,
		 struct gantry_error *err)
{
	int code = declare_call(b, item, true, err);

	assert(item->kind != TOPOLOGY_BINDING);
	if (code < 0)
		return -1;
	item->state = TOPOLOGY_THERE;
	if (declare_is_missing(item, code)) {
		item->state = TOPOLOGY_MISSING;
		item->said[0] = '\0';
	} else if (code != 0) {
		item->state = TOPOLOGY_REFUSED;
	}
	if (item->state != TOPOLOGY_THERE)
		return 0;
	code = declare_call(b, item, false, err);
	/* who may not declare cannot compare, but it is there */
	if (code == DECLARE_REFUSED)
		item->said[0] = '\0';
	else if (code > 0)
		item->state = code == DECLARE_DIFFERS ? TOPOLOGY_DIFFERS :
							TOPOLOGY_REFUSED;
	return code < 0 ? -1 : 0;
}

int declare_make(struct broker *b, struct topology_item *item,
		 struct gantry_error *err)
{
	int code = declare_call(b, item, false, err);

	if (code < 0)
		return -1;
	item->state = TOPOLOGY_MADE;
	if (code == DECLARE_DIFFERS)
		item->state = TOPOLOGY_DIFFERS;
	else if (code != 0)
		item->state = TOPOLOGY_REFUSED;
	return 0;
}
