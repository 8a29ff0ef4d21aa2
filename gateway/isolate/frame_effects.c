/* SPDX-License-Identifier: Apache-2.0 */
/* frame_effects - effects as frames carry them; see frame_private.h. */
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/isolate/frame_private.h"
#include "gateway/pipeline/ask.h"
#include "gateway/pipeline/tree.h"

static void frame_put_command(struct wire_pen *pen, const struct gantry_command *c)
{
	const char *text;
	int64_t number;

	wire_put(pen, c->kind);
	wire_put(pen, c->if_refused);
	wire_put(pen, effects_command_flags(c));
	for (size_t i = 0; i < EFFECTS_COMMAND_TEXTS; i++) {
		memcpy(&text, (const char *)c + effects_command_texts[i], sizeof(text));
		wire_put_text(pen, text);
	}
	for (size_t i = 0; i < EFFECTS_COMMAND_NUMBERS; i++) {
		memcpy(&number, (const char *)c + effects_command_numbers[i], sizeof(number));
		wire_put(pen, number);
	}
}

static void frame_take_command(struct wire_eye *eye, struct gantry_command *c)
{
	const char *text;
	int64_t number;

	*c = (struct gantry_command){ .size = sizeof(*c) };
	c->kind = (enum gantry_command_kind)wire_get_in(eye, 0, 255);
	c->if_refused = (enum gantry_if_refused)wire_get_in(
		eye, GANTRY_IF_REFUSED_DEFAULT, GANTRY_IF_REFUSED_GO_ON);
	effects_command_set_flags(c, wire_get_in(eye, 0, EFFECTS_COMMAND_FLAGS));
	for (size_t i = 0; i < EFFECTS_COMMAND_TEXTS; i++) {
		text = wire_get_text(eye);
		memcpy((char *)c + effects_command_texts[i], &text, sizeof(text));
	}
	for (size_t i = 0; i < EFFECTS_COMMAND_NUMBERS; i++) {
		number = wire_get(eye);
		memcpy((char *)c + effects_command_numbers[i], &number, sizeof(number));
	}
}

static void frame_put_event(struct wire_pen *pen, const struct gantry_event *e)
{
	wire_put_text(pen, e->exchange);
	wire_put_text(pen, e->routing_key);
	wire_put_text(pen, e->type);
	wire_put_text(pen, e->version);
	wire_put_text(pen, e->aggregate_type);
	wire_put_text(pen, e->aggregate_id);
	wire_put_text_n(pen, e->payload_text, e->payload_len);
	wire_put(pen, e->even_if_rejected | e->ordered << 1);
}

static void frame_take_event(struct wire_eye *eye, struct gantry_event *e)
{
	int64_t flags;

	*e = (struct gantry_event){ .size = sizeof(*e) };
	e->exchange = wire_get_some(eye);
	e->routing_key = wire_get_some(eye);
	e->type = wire_get_text(eye);
	e->version = wire_get_text(eye);
	e->aggregate_type = wire_get_text(eye);
	e->aggregate_id = wire_get_text(eye);
	e->payload_text = wire_get_text_n(eye, &e->payload_len);
	flags = wire_get_in(eye, 0, 3);
	e->even_if_rejected = flags & 1;
	e->ordered = flags >> 1 & 1;
}

static void frame_put_effect(struct wire_pen *pen, const struct effect *e)
{
	wire_put(pen, e->kind);
	switch (e->kind) {
	case EFFECT_RECORD:
		wire_put_text(pen, e->as.record.space);
		wire_put_text(pen, e->as.record.key);
		wire_put_text_n(pen, e->as.record.value, e->as.record.value_len);
		break;
	case EFFECT_EVENT:
		frame_put_event(pen, &e->as.event);
		break;
	case EFFECT_COMMAND:
		frame_put_command(pen, &e->as.command);
		break;
	case EFFECT_REPLY:
		wire_put(pen, e->as.reply.status);
		wire_put_text_n(pen, e->as.reply.text, e->as.reply.len);
		break;
	case EFFECT_HEADER:
	case EFFECT_ANSWER_HEADER:
		wire_put_text(pen, e->as.header.name);
		wire_put_text(pen, e->as.header.value);
		break;
	case EFFECT_PASS:
		wire_put(pen, e->as.ask);
		break;
	case EFFECT_AGAIN:
		break;
	}
}

void frame_put_effects(struct wire_pen *pen, const struct effects *effects, size_t from,
		       int step)
{
	size_t cursor = from;
	struct effect e;

	while (effects_next(effects, &cursor, &e)) {
		wire_put(pen, 1);
		wire_put(pen, (int)e.handler == step ? 0 : 1);
		frame_put_effect(pen, &e);
	}
	wire_put(pen, 0);
}

/* The tree of a text that must be JSON; NULL with err. */
static json_t *frame_json(const char *what, const char *text, size_t len,
			  struct gantry_error *err)
{
	json_t *tree = text != NULL ? tree_load(text, len, JSON_DECODE_ANY, NULL) : NULL;

	if (tree == NULL)
		gantry_fail(err, "its process gave a %s that is no JSON", what);
	return tree;
}

static int frame_take_record(struct wire_eye *eye, struct gantry_message *m,
			     struct gantry_error *err)
{
	const char *space = wire_get_some(eye), *key = wire_get_some(eye), *text;
	json_t *value = NULL;
	size_t len;
	int done;

	text = wire_get_text_n(eye, &len);
	if (text != NULL && (value = frame_json("record", text, len, err)) == NULL)
		return -1;
	done = eye->bad ? -1 : gantry_record_put(m, space, key, value, err);
	json_decref(value);
	return done;
}

static int frame_take_publish(struct wire_eye *eye, struct gantry_message *m,
			      struct gantry_error *err)
{
	struct gantry_event e;
	json_t *payload;

	frame_take_event(eye, &e);
	payload = frame_json("payload", e.payload_text, e.payload_len, err);
	if (payload == NULL)
		return -1;
	json_decref(payload);
	return eye->bad ? -1 : gantry_publish(m, &e, err);
}

/* "" is an answer without a body. */
static int frame_take_answer(struct wire_eye *eye, struct gantry_message *m,
			     struct gantry_error *err)
{
	int64_t status = wire_get_in(eye, 200, 599);
	size_t len;
	const char *text = wire_get_text_n(eye, &len);

	if (text != NULL && len > 0) {
		json_t *tree = frame_json("reply", text, len, err);

		if (tree == NULL)
			return -1;
		json_decref(tree);
	}
	return eye->bad ? -1 : gantry_reply_text(m, (int)status, text != NULL ? text : "",
						 len, err);
}

/* The answer that it was sent in that place. */
static int frame_take_pass(struct wire_eye *eye, struct gantry_message *m,
			   struct gantry_error *err)
{
	const struct message_ask *ask = frame_sent(m, m->asks);
	int64_t position = wire_get(eye);

	while (ask != NULL && position-- > 0)
		ask = frame_sent(m, ask->next);
	if (eye->bad || ask == NULL || ask->kind != ASK_CALL || ask->error != NULL) {
		eye->bad = true;
		return -1;
	}
	return gantry_reply_answer(m, &ask->call->answer, err);
}

static int frame_take_effect(struct wire_eye *eye, struct gantry_message *m,
			     struct gantry_error *err)
{
	int64_t kind = wire_get(eye);
	struct gantry_command c;
	const char *name, *value;

	switch (kind) {
	case EFFECT_RECORD:
		return frame_take_record(eye, m, err);
	case EFFECT_EVENT:
		return frame_take_publish(eye, m, err);
	case EFFECT_COMMAND:
		frame_take_command(eye, &c);
		return eye->bad || gantry_command(m, &c, err) < 0 ? -1 : 0;
	case EFFECT_REPLY:
		return frame_take_answer(eye, m, err);
	case EFFECT_HEADER:
	case EFFECT_ANSWER_HEADER:
		name = wire_get_some(eye);
		value = wire_get_some(eye);
		return kind == EFFECT_HEADER ? gantry_reply_header(m, name, value, err) :
					       gantry_header_always(m, name, value, err);
	case EFFECT_PASS:
		return frame_take_pass(eye, m, err);
	case EFFECT_AGAIN:
		return gantry_again(m, err);
	default:
		eye->bad = true;
		return -1;
	}
}

int frame_take_effects(struct wire_eye *eye, struct gantry_message *m,
		       struct gantry_error *err)
{
	while (wire_get_in(eye, 0, 1) == 1 && !eye->bad) {
		wire_get(eye);
		if (frame_take_effect(eye, m, err) < 0)
			return -1;
	}
	return 0;
}

static void frame_fill_effect(struct wire_eye *eye, struct effect *e)
{
	e->kind = (enum effect_kind)wire_get(eye);
	switch (e->kind) {
	case EFFECT_RECORD:
		e->as.record.instance = "";
		e->as.record.space = wire_get_some(eye);
		e->as.record.key = wire_get_some(eye);
		e->as.record.value = wire_get_text_n(eye, &e->as.record.value_len);
		break;
	case EFFECT_EVENT:
		frame_take_event(eye, &e->as.event);
		break;
	case EFFECT_COMMAND:
		frame_take_command(eye, &e->as.command);
		break;
	case EFFECT_REPLY:
		e->as.reply.status = (int)wire_get(eye);
		e->as.reply.text = wire_get_text_n(eye, &e->as.reply.len);
		break;
	case EFFECT_HEADER:
	case EFFECT_ANSWER_HEADER:
		e->as.header.name = wire_get_some(eye);
		e->as.header.value = wire_get_some(eye);
		break;
	case EFFECT_PASS:	/* whose answer: nobody looks at it there */
		e->as.ask = wire_get(eye);
		break;
	case EFFECT_AGAIN:
		break;
	default:
		eye->bad = true;
	}
}

void frame_fill_effects(struct wire_eye *eye, struct gantry_message *m)
{
	while (wire_get_in(eye, 0, 1) == 1 && !eye->bad) {
		struct effect e = { .handler = (unsigned)wire_get_in(eye, 0, 1) };

		frame_fill_effect(eye, &e);
		if (eye->bad || effects_add(&m->effects, &m->arena, &e, NULL) < 0)
			eye->bad = true;
	}
}
