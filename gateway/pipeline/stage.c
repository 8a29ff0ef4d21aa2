/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage - what gantry/effect.h promises: arguments are checked here, once, and
 * copied into the message's flat list of effects.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/sized.h"
#include "gateway/base/utf8.h"
#include "gateway/pipeline/message.h"

#define STAGE_MAX_KEY 128
#define STAGE_MAX_QUANTITY INT64_C(1000000000)

static int stage_add(struct gantry_message *m, struct effect *effect,
		     struct gantry_error *err)
{
	effect->handler = m->step;
	return effects_add(&m->effects, &m->arena, effect, err);
}

static int stage_key(const char *what, const char *text, struct gantry_error *err)
{
	if (text == NULL || !utf8_is_id(text, strlen(text), STAGE_MAX_KEY))
		return gantry_fail(err, "%s: not 1 to %d printable bytes", what,
				   STAGE_MAX_KEY);
	return 0;
}

/* The caller frees. NULL stays NULL, which is no error. */
static int stage_dump(const json_t *value, char **text_out, struct gantry_error *err)
{
	*text_out = NULL;
	if (value == NULL)
		return 0;
	*text_out = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (*text_out == NULL)
		return gantry_fail(err, "a tree that cannot be written as JSON");
	return 0;
}

int gantry_record_put(struct gantry_message *m, const char *space,
		      const char *key, const json_t *value,
		      struct gantry_error *err)
{
	struct effect effect = { .kind = EFFECT_RECORD };
	struct effect_record *record = &effect.as.record;
	char *text;
	int done;

	if (m->settling)
		return gantry_fail(err, "settle cannot put records");
	if (stage_key("space", space, err) < 0 || stage_key("key", key, err) < 0 ||
	    stage_dump(value, &text, err) < 0)
		return -1;
	record->instance = m->route->steps[m->step].instance->name;
	record->space = space;
	record->key = key;
	record->value = text;
	record->value_len = text == NULL ? 0 : strlen(text);
	done = stage_add(m, &effect, err);
	free(text);
	return done;
}

static bool stage_is_short(const char *text)
{
	return text != NULL && utf8_is_printable_ascii(text, strlen(text), 255);
}

static int stage_check_event(const struct gantry_event *e, struct gantry_error *err)
{
	if (!stage_is_short(e->exchange) || !stage_is_short(e->routing_key))
		return gantry_fail(err, "an event needs an exchange and a routing key "
					"of 1 to 255 printable bytes");
	if ((e->payload == NULL) == (e->payload_text == NULL))
		return gantry_fail(err, "an event needs a payload or a payload_text");
	if (e->payload == NULL && e->payload_len == 0)
		return gantry_fail(err, "an event's payload is empty");
	return 0;
}

int gantry_publish(struct gantry_message *m, const struct gantry_event *event,
		   struct gantry_error *err)
{
	struct effect effect = { .kind = EFFECT_EVENT };
	struct gantry_event *e = &effect.as.event;
	char *text;
	int done;

	sized_take(e, sizeof(*e), event);
	if (stage_check_event(e, err) < 0 || stage_dump(e->payload, &text, err) < 0)
		return -1;
	if (text != NULL) {
		e->payload_text = text;
		e->payload_len = strlen(text);
	}
	e->payload = NULL;
	e->type = e->type != NULL ? e->type : "Event";
	e->version = e->version != NULL ? e->version : "1.0.0";
	e->aggregate_type = e->aggregate_type != NULL ? e->aggregate_type : "Message";
	e->aggregate_id = e->aggregate_id != NULL ? e->aggregate_id : m->id;
	done = stage_add(m, &effect, err);
	free(text);
	return done;
}

/* What each kind needs, as a set of the members below. */
enum {
	STAGE_ORDER = 1,
	STAGE_ORDER_ITEM = 2,
	STAGE_ITEM = 4,
	STAGE_ALLOCATION = 8,
	STAGE_QUANTITY = 16,
	STAGE_RETURN = 32,
	STAGE_GOODS = 64,
	STAGE_DELTA = 128,
	STAGE_COUNT = 256,
};

static const unsigned stage_required[] = {
	[GANTRY_ALLOCATE] = STAGE_ORDER | STAGE_ORDER_ITEM | STAGE_ITEM | STAGE_QUANTITY,
	[GANTRY_CONFIRM] = STAGE_ALLOCATION,
	[GANTRY_CANCEL] = STAGE_ALLOCATION,
	[GANTRY_FULFILL] = STAGE_ALLOCATION,
	[GANTRY_EXPIRE] = STAGE_ALLOCATION,
	[GANTRY_ORDER_OPEN] = STAGE_ORDER,
	[GANTRY_ORDER_CONFIRM] = STAGE_ORDER,
	[GANTRY_ORDER_CANCEL] = STAGE_ORDER,
	[GANTRY_ITEM_CREATE] = STAGE_ITEM | STAGE_GOODS,
	[GANTRY_ITEM_ADJUST] = STAGE_ITEM | STAGE_DELTA,
	[GANTRY_RETURN_EXPECT] = STAGE_ORDER,
	[GANTRY_RETURN_RECEIVE] = STAGE_RETURN,
	[GANTRY_VERIFY] = STAGE_ALLOCATION,
	[GANTRY_ITEM_RECOUNT] = STAGE_ITEM | STAGE_COUNT,
};

static int stage_check_ids(const struct gantry_command *c, unsigned need,
			   struct gantry_error *err)
{
	const struct {
		unsigned bit;
		const char *name, *text;
	} ids[] = {
		{ STAGE_ORDER, "order_id", c->order_id },
		{ STAGE_ORDER_ITEM, "order_item_id", c->order_item_id },
		{ STAGE_ITEM, "item_id", c->item_id },
		{ STAGE_ALLOCATION, "allocation_id", c->allocation_id },
		{ STAGE_RETURN, "return_id", c->return_id },
		{ STAGE_GOODS, "sku", c->sku },
		{ STAGE_GOODS, "product_id", c->product_id },
		{ STAGE_GOODS, "warehouse_id", c->warehouse_id },
		{ 0, "reason", c->reason },
	};

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		if ((need & ids[i].bit || ids[i].text != NULL) &&
		    ids[i].bit != 0 && stage_key(ids[i].name, ids[i].text, err) < 0)
			return -1;
	if (c->reason != NULL && strlen(c->reason) > 1024)
		return gantry_fail(err, "reason: more than 1024 bytes");
	return 0;
}

static int stage_check_command(const struct gantry_command *c,
			       struct gantry_error *err)
{
	unsigned need;

	if (c->kind < GANTRY_ALLOCATE || c->kind > GANTRY_ITEM_RECOUNT)
		return gantry_fail(err, "command kind %d is unknown", (int)c->kind);
	need = stage_required[c->kind];
	if (need & STAGE_QUANTITY &&
	    (c->quantity < 1 || c->quantity > STAGE_MAX_QUANTITY))
		return gantry_fail(err, "quantity: not from 1 to 1000000000");
	if (need & (STAGE_GOODS | STAGE_COUNT) &&
	    (c->quantity < 0 || c->quantity > INT64_C(1) << 53))
		return gantry_fail(err, "quantity: not from 0 to 2^53");
	if (need & STAGE_DELTA && (c->quantity < -(INT64_C(1) << 53) ||
				   c->quantity > INT64_C(1) << 53))
		return gantry_fail(err, "quantity: not from -2^53 to 2^53");
	return stage_check_ids(c, need, err);
}

int gantry_command(struct gantry_message *m, const struct gantry_command *command,
		   struct gantry_error *err)
{
	struct effect effect = { .kind = EFFECT_COMMAND };
	struct gantry_command *c = &effect.as.command;
	bool caller_waits = m->source == GANTRY_SOURCE_HTTP ||
			    m->source == GANTRY_SOURCE_ADMIN;
	int step = (int)m->effects.n_commands;

	if (m->settling)
		return gantry_fail(err, "settle cannot give commands");
	sized_take(c, sizeof(*c), command);
	if (stage_check_command(c, err) < 0)
		return -1;
	if (c->if_refused == GANTRY_IF_REFUSED_DEFAULT)
		c->if_refused = caller_waits ? GANTRY_IF_REFUSED_REJECT :
					       GANTRY_IF_REFUSED_GO_ON;
	if (stage_add(m, &effect, err) < 0)
		return -1;
	message_name_order(m, c->order_id);
	return step;
}

int gantry_reply_text(struct gantry_message *m, int status, const char *text,
		      size_t len, struct gantry_error *err)
{
	struct effect effect = { .kind = EFFECT_REPLY,
				 .as.reply = { status, text, len } };

	if (status < 200 || status > 599)
		return gantry_fail(err, "status %d is none of 200 to 599", status);
	return stage_add(m, &effect, err);
}

int gantry_reply(struct gantry_message *m, int status, const json_t *body,
		 struct gantry_error *err)
{
	char *text;
	int done;

	if (stage_dump(body, &text, err) < 0)
		return -1;
	done = gantry_reply_text(m, status, text != NULL ? text : "",
				 text != NULL ? strlen(text) : 0, err);
	free(text);
	return done;
}

/* A token of RFC 9110 that the core does not set itself. */
static bool stage_is_header(const char *name)
{
	static const char *const own[] = {
		"connection", "content-length", "content-type", "date",
		"idempotent-replayed", "keep-alive", "retry-after", "te",
		"trailer", "transfer-encoding", "upgrade", "x-correlation-id",
	};

	if (name == NULL || *name == '\0' || strlen(name) > 64)
		return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (strcasecmp(own[i], name) == 0)
			return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && strchr("-_.!~", *name) == NULL)
			return false;
	return true;
}

static int stage_header(struct gantry_message *m, enum effect_kind kind,
			const struct message_pair *header, struct gantry_error *err)
{
	const char *name = header->name, *value = header->value;
	struct effect effect = { .kind = kind };
	bool pause = kind == EFFECT_ANSWER_HEADER && name != NULL &&
		     strcasecmp(name, "Retry-After") == 0;

	if (!pause && !stage_is_header(name))
		return gantry_fail(err, "\"%s\" is no header that a handler may set",
				   name != NULL ? name : "");
	if (value == NULL || !utf8_is_printable_ascii(value, strlen(value), 1024))
		return gantry_fail(err, "header %s: not 1 to 1024 printable bytes",
				   name);
	effect.as.header.name = name;
	effect.as.header.value = value;
	return stage_add(m, &effect, err);
}

int gantry_reply_header(struct gantry_message *m, const char *name,
			const char *value, struct gantry_error *err)
{
	return stage_header(m, EFFECT_HEADER,
			    &(const struct message_pair){ name, value }, err);
}

int gantry_header_always(struct gantry_message *m, const char *name,
			 const char *value, struct gantry_error *err)
{
	return stage_header(m, EFFECT_ANSWER_HEADER,
			    &(const struct message_pair){ name, value }, err);
}

int gantry_again(struct gantry_message *m, struct gantry_error *err)
{
	struct effect effect = { .kind = EFFECT_AGAIN };

	if (m->source != GANTRY_SOURCE_SCHEDULE)
		return gantry_fail(err, "only the schedule can tick again");
	return stage_add(m, &effect, err);
}
