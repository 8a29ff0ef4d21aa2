/* SPDX-License-Identifier: Apache-2.0 */
/* content - see content.h. */
#include "gateway/source/amqp/content.h"

#include <string.h>

/* No broker takes a larger one (RabbitMQ: 512 MiB): this is nonsense. */
#define CONTENT_ABSURD (UINT64_C(1) << 30)
#define CONTENT_POOL 4096

struct content_want {
	size_t max_body;
	struct arena *arena;
};

/* The next frame of this channel; those of others are kept for later. */
static int content_frame(struct broker *b, amqp_channel_t channel,
			 unsigned type, amqp_frame_t *out,
			 struct gantry_error *err)
{
	int result;

	result = broker_next(b, channel, BROKER_RPC_MS, out, err);
	if (result == 0)
		return broker_give_up(b, "a message of which only a part came",
				      err);
	if (result > 0 && out->frame_type != type)
		return broker_give_up(b, "a message in the wrong order of "
					 "frames", err);
	return result < 0 ? -1 : 0;
}

/* What is kept or read over, frame by frame. */
static int content_body(struct broker *b, amqp_channel_t channel, char *into,
			uint64_t size, struct gantry_error *err)
{
	uint64_t got = 0;

	while (got < size) {
		amqp_frame_t frame;
		const amqp_bytes_t *part;

		if (content_frame(b, channel, AMQP_FRAME_BODY, &frame, err) < 0)
			return -1;
		part = &frame.payload.body_fragment;
		if (part->len == 0 || part->len > size - got)
			return broker_give_up(b, "a message of another size "
						 "than it says", err);
		if (into != NULL)
			memcpy(into + got, part->bytes, part->len);
		else
			broker_release_channel(b, channel);
		got += part->len;
	}
	return 0;
}

/* Properties that outlive the memory of the frame that brought them. */
static int content_keep(struct broker *b, const amqp_frame_t *head,
			struct arena *arena, struct content *out,
			struct gantry_error *err)
{
	amqp_bytes_t raw = head->payload.properties.raw;
	void *decoded;

	raw.bytes = arena_text_n(arena, raw.bytes, raw.len);
	if (amqp_decode_properties(AMQP_BASIC_CLASS, &out->pool, raw,
				   &decoded) != AMQP_STATUS_OK)
		return broker_give_up(b, "properties that cannot be read", err);
	out->properties = decoded;
	return 0;
}

/* What is larger than this side wants is not worth its memory. */
static int content_fill(struct broker *b, const amqp_frame_t *head,
			struct content_want *want, struct content *out,
			struct gantry_error *err)
{
	char *body = NULL;

	if (out->size > want->max_body) {
		if (content_keep(b, head, want->arena, out, err) < 0)
			return -1;
	} else {
		body = arena_alloc(want->arena, out->size + 1);
		body[out->size] = '\0';
		out->len = out->size;
		out->body = body;
	}
	return content_body(b, head->channel, body, out->size, err);
}

int content_read(struct broker *b, amqp_channel_t channel, size_t max_body,
		 struct arena *arena, struct content *out,
		 struct gantry_error *err)
{
	struct content_want want = { max_body, arena };
	amqp_frame_t head;

	if (content_frame(b, channel, AMQP_FRAME_HEADER, &head, err) < 0)
		return -1;
	*out = (struct content){
		.properties = head.payload.properties.decoded,
		.size = head.payload.properties.body_size,
	};
	if (head.payload.properties.class_id != AMQP_BASIC_CLASS ||
	    out->size > CONTENT_ABSURD)
		return broker_give_up(b, "a message of an absurd size or class",
				      err);
	init_amqp_pool(&out->pool, CONTENT_POOL);
	if (content_fill(b, &head, &want, out, err) == 0)
		return 0;
	content_fini(out);
	return -1;
}

void content_fini(struct content *content)
{
	empty_amqp_pool(&content->pool);
}
