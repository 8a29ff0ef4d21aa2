/* SPDX-License-Identifier: Apache-2.0 */
/* emit - see emit.h. libyaml writes; which style a text gets is said here. */
#include "gateway/config/emit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"

#define EMIT_WIDTH 100

struct emit {
	yaml_emitter_t emitter;
	char *text;
	size_t len, room;
};

static int emit_write(void *ctx, unsigned char *bytes, size_t n)
{
	struct emit *e = ctx;

	if (e->room - e->len < n) {
		e->room = 2 * (e->len + n) + 4096;
		e->text = memory_grow(e->text, e->room, 1);
	}
	memcpy(e->text + e->len, bytes, n);
	e->len += n;
	return 1;
}

/* What is no text to some reader: words of truth and nothing. */
static bool emit_is_word(const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on",
					     "off", "y", "n", "null" };

	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		if (strcasecmp(words[i], text) == 0)
			return true;
	return false;
}

/*
 * Numbers, dates and times begin with a digit, a sign or a dot; so what begins
 * with a letter, / or $ and is no such word is a text to all. libyaml sees to the rest.
 */
static yaml_scalar_style_t emit_style(const char *text)
{
	if (strchr(text, '\n') != NULL)
		return YAML_LITERAL_SCALAR_STYLE;
	if (((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
	     *text == '/' || *text == '$') && !emit_is_word(text))
		return YAML_PLAIN_SCALAR_STYLE;
	return YAML_SINGLE_QUOTED_SCALAR_STYLE;
}

static bool emit_event(struct emit *e, yaml_event_t *event, int made)
{
	return made && yaml_emitter_emit(&e->emitter, event);
}

static bool emit_scalar(struct emit *e, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	return emit_event(e, &event, yaml_scalar_event_initialize(
		&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1,
		style));
}

static bool emit_text(struct emit *e, const char *text)
{
	return emit_scalar(e, text, emit_style(text));
}

static bool emit_number(struct emit *e, const json_t *value)
{
	char text[40];

	if (json_is_integer(value))
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
	else
		snprintf(text, sizeof(text), "%.17g", json_real_value(value));
	return emit_scalar(e, text, YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_value(struct emit *e, const json_t *value);

static bool emit_object(struct emit *e, const json_t *object)
{
	yaml_mapping_style_t style = json_object_size(object) == 0 ?
		YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE;
	yaml_event_t event;
	const char *key;
	json_t *value;

	if (!emit_event(e, &event, yaml_mapping_start_event_initialize(
		    &event, NULL, NULL, 1, style)))
		return false;
	json_object_foreach((json_t *)object, key, value)
		if (!emit_text(e, key) || !emit_value(e, value))
			return false;
	return emit_event(e, &event, yaml_mapping_end_event_initialize(&event));
}

/* Short lists of plain values stand in one line. */
static bool emit_is_short(const json_t *array)
{
	const json_t *value;
	size_t i;

	json_array_foreach(array, i, value)
		if (json_is_object(value) || json_is_array(value))
			return false;
	return true;
}

static bool emit_array(struct emit *e, const json_t *array)
{
	yaml_sequence_style_t style = emit_is_short(array) ?
		YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
	yaml_event_t event;
	const json_t *value;
	size_t i;

	if (!emit_event(e, &event, yaml_sequence_start_event_initialize(
		    &event, NULL, NULL, 1, style)))
		return false;
	json_array_foreach(array, i, value)
		if (!emit_value(e, value))
			return false;
	return emit_event(e, &event, yaml_sequence_end_event_initialize(&event));
}

static bool emit_value(struct emit *e, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return emit_object(e, value);
	case JSON_ARRAY:
		return emit_array(e, value);
	case JSON_STRING:
		return emit_text(e, json_string_value(value));
	case JSON_INTEGER:
	case JSON_REAL:
		return emit_number(e, value);
	case JSON_TRUE:
	case JSON_FALSE:
		return emit_scalar(e, json_is_true(value) ? "true" : "false",
				   YAML_PLAIN_SCALAR_STYLE);
	case JSON_NULL:
		break;
	}
	return emit_scalar(e, "null", YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_document(struct emit *e, const json_t *tree)
{
	yaml_event_t event;

	return emit_event(e, &event, yaml_stream_start_event_initialize(
				  &event, YAML_UTF8_ENCODING)) &&
	       emit_event(e, &event, yaml_document_start_event_initialize(
				  &event, NULL, NULL, NULL, 1)) &&
	       emit_value(e, tree) &&
	       emit_event(e, &event, yaml_document_end_event_initialize(&event, 1)) &&
	       emit_event(e, &event, yaml_stream_end_event_initialize(&event)) &&
	       emit_write(e, (unsigned char *)"", 1);
}

char *emit_yaml(const json_t *tree, const char *head, size_t *len_out,
		struct gantry_error *err)
{
	struct emit e = { .text = NULL };
	bool done = yaml_emitter_initialize(&e.emitter);

	if (done) {
		yaml_emitter_set_output(&e.emitter, emit_write, &e);
		yaml_emitter_set_unicode(&e.emitter, 1);
		yaml_emitter_set_width(&e.emitter, EMIT_WIDTH);
		if (head != NULL)
			emit_write(&e, (unsigned char *)head, strlen(head));
		done = emit_document(&e, tree);
	}
	if (!done) {
		gantry_fail(err, "YAML: %s", e.emitter.problem != NULL ?
						     e.emitter.problem : "out of memory");
		free(e.text);
		e.text = NULL;
	}
	yaml_emitter_delete(&e.emitter);
	*len_out = done ? e.len - 1 : 0;
	return e.text;
}
