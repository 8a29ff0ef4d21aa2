/* SPDX-License-Identifier: Apache-2.0 */
/* otlp - see otlp.h. */
#include "gateway/observe/otlp.h"

#include <inttypes.h>
#include <stdio.h>

#define OTLP_FIRST_ROOM 65536u
#define OTLP_ERROR 2		/* STATUS_CODE_ERROR */

static void otlp_id(struct writer *w, const char *name, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char text[32];

	for (size_t i = 0; i < n; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	writer_text_n(w, name, text, 2 * n);
}

static void otlp_number(struct writer *w, const char *name, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	writer_text(w, name, text);
}

static void otlp_attribute(struct writer *w, const char *key, const char *text,
			   int64_t number)
{
	writer_object(w, NULL);
	writer_text(w, "key", key);
	writer_object(w, "value");
	if (text != NULL)
		writer_text(w, "stringValue", text);
	else
		otlp_number(w, "intValue", number);
	writer_end(w);
	writer_end(w);
}

void otlp_begin(struct otlp *o, const struct otlp_resource *who, int64_t ahead_ns)
{
	struct writer *w = &o->writer;

	arena_reset(&o->arena);
	o->n = 0;
	o->ahead_ns = ahead_ns;
	writer_init(w, &o->arena, OTLP_FIRST_ROOM);
	writer_object(w, NULL);
	writer_array(w, "resourceSpans");
	writer_object(w, NULL);
	writer_object(w, "resource");
	writer_array(w, "attributes");
	otlp_attribute(w, "service.name", who->service, 0);
	otlp_attribute(w, "service.version", who->version, 0);
	otlp_attribute(w, "service.instance.id", who->replica, 0);
	writer_end(w);
	writer_end(w);
	writer_array(w, "scopeSpans");
	writer_object(w, NULL);
	writer_object(w, "scope");
	writer_text(w, "name", "gantry");
	writer_text(w, "version", who->version);
	writer_end(w);
	writer_array(w, "spans");
}

static void otlp_link(struct writer *w, const struct span_context *link)
{
	writer_array(w, "links");
	writer_object(w, NULL);
	otlp_id(w, "traceId", link->trace, sizeof(link->trace));
	otlp_id(w, "spanId", link->id, sizeof(link->id));
	writer_end(w);
	writer_end(w);
}

static void otlp_status(struct writer *w, const char *why)
{
	writer_object(w, "status");
	writer_int(w, "code", OTLP_ERROR);
	if (*why != '\0')
		writer_text(w, "message", why);
	writer_end(w);
}

static bool otlp_has_parent(const struct span *span)
{
	for (unsigned i = 0; i < sizeof(span->parent); i++)
		if (span->parent[i] != 0)
			return true;
	return false;
}

void otlp_add(struct otlp *o, const struct span *span)
{
	struct writer *w = &o->writer;

	o->n++;
	writer_object(w, NULL);
	otlp_id(w, "traceId", span->context.trace, sizeof(span->context.trace));
	otlp_id(w, "spanId", span->context.id, sizeof(span->context.id));
	if (otlp_has_parent(span))
		otlp_id(w, "parentSpanId", span->parent, sizeof(span->parent));
	writer_text(w, "name", span_text(span, span->name));
	writer_int(w, "kind", span->kind);
	otlp_number(w, "startTimeUnixNano", span->began_ns + o->ahead_ns);
	otlp_number(w, "endTimeUnixNano", span->ended_ns + o->ahead_ns);
	writer_array(w, "attributes");
	for (unsigned i = 0; i < span->n_attributes; i++) {
		const struct span_attribute *a = &span->attributes[i];

		otlp_attribute(w, a->key, a->is_text ? span_value(span, a) : NULL,
			       a->number);
	}
	writer_end(w);
	if (!span_is_nowhere(&span->link))
		otlp_link(w, &span->link);
	if (span->failed)
		otlp_status(w, span_text(span, span->why));
	writer_end(w);
}

const char *otlp_end(struct otlp *o, size_t *len_out)
{
	/* spans, scope, scopes, resource, resources, all */
	for (unsigned i = 0; i < 6; i++)
		writer_end(&o->writer);
	return writer_done(&o->writer, len_out);
}

void otlp_fini(struct otlp *o)
{
	arena_fini(&o->arena);
}
