/* SPDX-License-Identifier: Apache-2.0 */
/* pass - see pass.h and gantry/pass.h. */
#include "gateway/pipeline/pass.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/memory.h"
#include "gateway/pipeline/ask.h"
#include "gateway/pipeline/call.h"

struct pass_name {
	const char *name;
	size_t len;
};
#define PASS_NAME(text) { text, sizeof(text) - 1 }

/* Of one connection, or of how a message ends: never passed on. */
static const struct pass_name pass_hop[] = {
	PASS_NAME("connection"), PASS_NAME("content-length"),
	PASS_NAME("expect"), PASS_NAME("host"), PASS_NAME("http2-settings"),
	PASS_NAME("keep-alive"), PASS_NAME("te"), PASS_NAME("trailer"),
	PASS_NAME("transfer-encoding"), PASS_NAME("upgrade"),
	/* the core's own */
	PASS_NAME("authorization"), PASS_NAME("traceparent"),
	PASS_NAME("tracestate"), PASS_NAME("x-correlation-id"),
};

static bool pass_is_hop(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LENGTH(pass_hop); i++)
		if (pass_hop[i].len == len &&
		    strncasecmp(pass_hop[i].name, name, len) == 0)
			return true;
	return len > 6 && strncasecmp(name, "proxy-", 6) == 0;
}

/* Whether a list of names, as a Connection header has it, holds this one. */
static bool pass_is_listed(const char *list, const char *name, size_t len)
{
	while (*list != '\0') {
		size_t n = strcspn(list, ","), first = strspn(list, " \t"), last = n;

		while (last > first && strchr(" \t", list[last - 1]) != NULL)
			last--;
		if (last > first && last - first == len &&
		    strncasecmp(list + first, name, len) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

static bool pass_is_named(const struct gantry_message *m, const char *name, size_t len)
{
	for (unsigned i = 0; i < m->n_headers; i++)
		if (strcasecmp(m->headers[i].name, "connection") == 0 &&
		    pass_is_listed(m->headers[i].value, name, len))
			return true;
	return false;
}

static bool pass_is_line_named(const char *const *lines, const char *name, size_t len)
{
	static const char connection[] = "connection:";
	const size_t n = sizeof(connection) - 1;

	for (; *lines != NULL; lines++)
		if (strncasecmp(*lines, connection, n) == 0 &&
		    pass_is_listed(*lines + n, name, len))
			return true;
	return false;
}

static const char *pass_line(struct gantry_message *m, const struct message_pair *pair)
{
	size_t name = strlen(pair->name), value = strlen(pair->value);
	char *line = arena_alloc(&m->arena, name + value + 3);

	memcpy(line, pair->name, name);
	memcpy(line + name, ": ", 2);
	memcpy(line + name + 2, pair->value, value + 1);
	return line;
}

const char *const *gantry_headers_to_pass(struct gantry_message *m)
{
	const char **lines;
	unsigned n = 0;

	if (m->to_pass != NULL)
		return m->to_pass;
	lines = arena_alloc(&m->arena, (m->n_headers + 1) * sizeof(*lines));
	for (unsigned i = 0; i < m->n_headers; i++) {
		const char *name = m->headers[i].name;
		size_t len = strlen(name);

		if (!pass_is_hop(name, len) && !pass_is_named(m, name, len))
			lines[n++] = pass_line(m, &m->headers[i]);
	}
	lines[n] = NULL;
	m->to_pass = lines;
	return lines;
}

const char *gantry_target(const struct gantry_message *m)
{
	if (m->source != GANTRY_SOURCE_HTTP || m->raw_path == NULL)
		return "";
	if (m->raw_query == NULL)
		return m->raw_path;
	return arena_format((struct arena *)&m->arena, "%s?%s", m->raw_path,
			    m->raw_query);
}

const char *gantry_peer(const struct gantry_message *m)
{
	return m->peer != NULL ? m->peer : "";
}

bool gantry_is_tls(const struct gantry_message *m)
{
	return m->tls;
}

int gantry_reply_answer(struct gantry_message *m, const struct gantry_answer *answer,
			struct gantry_error *err)
{
	const struct gantry_handler *handler = m->route->steps[m->step].handler;
	struct effect effect = { .kind = EFFECT_PASS, .handler = m->step };

	if (!handler->verbatim || m->settling)
		return gantry_fail(err, "the handler %s is not verbatim", handler->name);
	if (answer->status < 200 || answer->status > 599)
		return gantry_fail(err, "status %d is none of 200 to 599", answer->status);
	for (const struct message_ask *a = m->asks; a != NULL; a = a->next, effect.as.ask++)
		if (a->kind == ASK_CALL && a->answered && &a->call->answer == answer)
			return effects_add(&m->effects, &m->arena, &effect, err);
	return gantry_fail(err, "not an answer to this message's calls");
}

const struct call *pass_call(const struct gantry_message *m, unsigned position)
{
	const struct message_ask *ask = m->asks;

	while (position-- > 0)
		ask = ask->next;
	assert(ask->kind == ASK_CALL && ask->answered);
	return ask->call;
}

/*
 * A value that can be sent: a tab is as good as a space. NULL: nothing is said
 * by it, or it holds what no value may.
 */
static const char *pass_value(struct gantry_message *m, const char *value)
{
	char *copy, *tab;

	value += strspn(value, " \t");
	if (*value == '\0')
		return NULL;
	for (const char *p = value; *p != '\0'; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return NULL;
	if (strchr(value, '\t') == NULL)
		return value;
	copy = arena_text(&m->arena, value);
	while ((tab = strchr(copy, '\t')) != NULL)
		*tab = ' ';
	return copy;
}

static unsigned pass_lines(struct gantry_message *m, const char *const *lines,
			   struct message_pair *out)
{
	unsigned n = 0;

	for (const char *const *line = lines; *line != NULL; line++) {
		size_t len = strcspn(*line, ":");
		const char *value;

		if (!call_is_token(*line, len) || pass_is_hop(*line, len) ||
		    pass_is_line_named(lines, *line, len))
			continue;
		value = pass_value(m, *line + len + 1);
		if (value != NULL)
			out[n++] = (struct message_pair){
				arena_text_n(&m->arena, *line, len), value };
	}
	return n;
}

/* A body that HEAD does not get has a length all the same. */
static int64_t pass_head_len(const struct gantry_answer *answer)
{
	const char *text = gantry_answer_header(answer, "Content-Length");

	if (text == NULL || strspn(text, "0123456789") != strlen(text) ||
	    *text == '\0' || strlen(text) > 18)
		return -1;
	return strtoll(text, NULL, 10);
}

void pass_answer(struct gantry_message *m, const struct call *call,
		 const struct message_pair *headers, unsigned n)
{
	static const char *const none[] = { NULL };
	const struct gantry_answer *from = &call->answer;
	const char *const *lines = from->headers != NULL ? from->headers : none;
	struct message_pair *pairs;
	unsigned n_lines = 0;

	while (lines[n_lines] != NULL)
		n_lines++;
	pairs = arena_alloc(&m->arena, (n + n_lines + 1) * sizeof(*pairs));
	if (n > 0)
		memcpy(pairs, headers, n * sizeof(*pairs));
	m->answer.headers = pairs;
	m->answer.n_headers = n + pass_lines(m, lines, pairs + n);
	m->answer.status = from->status;
	m->answer.text = from->body;
	m->answer.len = from->body_len;
	m->answer.passed = true;
	if (strcmp(call->request.method, "HEAD") == 0)
		m->answer.head_len = pass_head_len(from);
}
