/* SPDX-License-Identifier: Apache-2.0 */
/* message - see message.h; and what gantry/message.h and auth.h promise. */
#include "gateway/pipeline/message.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/clock.h"
#include "gateway/base/ids.h"
#include "gateway/base/log.h"
#include "gateway/base/utf8.h"
#include "gateway/pipeline/ask.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/tree.h"

void message_init(struct gantry_message *m, enum gantry_source source,
		  const struct message_home *home)
{
	struct arena arena = m->arena, spare = m->spare;

	*m = (struct gantry_message){ .arena = arena, .spare = spare, .source = source,
				      .home = home };
	m->method = m->path = "";
	m->attempts = -1;
	m->body = "";
}

void message_let_go(struct gantry_message *m)
{
	const struct graph *graph = m->graph;

	m->graph = NULL;
	m->route = NULL;
	current_release(graph);
}

void message_clear(struct gantry_message *m)
{
	ask_free_all(m);
	json_decref(m->json);
	m->json = NULL;
	error_fini(&m->error);
	message_let_go(m);
	arena_reset(&m->arena);
}

void message_fini(struct gantry_message *m)
{
	message_clear(m);
	arena_fini(&m->spare);
	arena_fini(&m->arena);
}

bool message_is_correlation_id(const char *text)
{
	return utf8_is_printable_ascii(text, strlen(text), 128);
}

void message_name_order(struct gantry_message *m, const char *order_id)
{
	if (m->correlation_id == NULL && order_id != NULL &&
	    message_is_correlation_id(order_id))
		m->correlation_id = arena_text(&m->arena, order_id);
}

static const char *message_new_id(struct gantry_message *m, const char *prefix)
{
	size_t n = strlen(prefix);
	char *id = arena_alloc(&m->arena, n + IDS_ULID);

	memcpy(id, prefix, n);
	ids_ulid(m->received_ms, id + n);
	return id;
}

void message_complete(struct gantry_message *m)
{
	if (m->id == NULL)
		m->id = message_new_id(m, "msg_");
}

void message_correlate(struct gantry_message *m)
{
	if (m->correlation_id == NULL)
		m->correlation_id = message_new_id(m, "cor_");
}

void message_begin_run(struct gantry_message *m)
{
	m->asking = false;
	m->next_minted = m->minted_before;
	m->logs = NULL;
	error_reset(&m->error);
}

enum gantry_verdict message_heed(struct gantry_message *m, enum gantry_verdict verdict,
				 const struct effects *mark)
{
	const struct route_step *step = &m->route->steps[m->step];

	if (!m->effects.overfull || (verdict != GANTRY_NEXT && verdict != GANTRY_DONE))
		return verdict;
	effects_truncate(&m->effects, mark);
	error_set(&m->error, "INTERNAL_ERROR",
		  "%s.%s went on although what it staged does not fit", step->instance->name,
		  step->handler->name);
	return GANTRY_FAILED;
}

void message_flush_logs(struct gantry_message *m)
{
	struct message_log *line, *next, *first = NULL;

	for (line = m->logs; line != NULL; line = next) {
		next = line->next;
		line->next = first;
		first = line;
	}
	for (line = first; line != NULL; line = line->next)
		log_line(line->level, m->correlation_id, m->traceparent, "%s",
			 line->text);
	m->logs = NULL;
}

static const char *message_pair_find(const struct message_pair *pairs, unsigned n,
				     const char *name,
				     int (*compare)(const char *, const char *))
{
	for (unsigned i = 0; i < n; i++)
		if (compare(pairs[i].name, name) == 0)
			return pairs[i].value;
	return NULL;
}

enum gantry_source gantry_source(const struct gantry_message *m)
{
	return m->source;
}

const char *gantry_id(const struct gantry_message *m)
{
	return m->id;
}

const char *gantry_correlation_id(const struct gantry_message *m)
{
	return m->correlation_id != NULL ? m->correlation_id : m->id;
}

const char *gantry_method(const struct gantry_message *m)
{
	return m->source == GANTRY_SOURCE_HTTP ? m->method : "";
}

const char *gantry_path(const struct gantry_message *m)
{
	return m->path;
}

const char *gantry_param(const struct gantry_message *m, const char *name)
{
	return message_pair_find(m->params, m->n_params, name, strcmp);
}

const char *gantry_query(const struct gantry_message *m, const char *name)
{
	return message_pair_find(m->query, m->n_query, name, strcmp);
}

const char *gantry_header(const struct gantry_message *m, const char *name)
{
	if (strcasecmp(name, "authorization") == 0)
		return NULL;
	return message_pair_find(m->headers, m->n_headers, name, strcasecmp);
}

const char *gantry_body(const struct gantry_message *m, size_t *len_out)
{
	*len_out = m->body_len;
	return m->body;
}

static void message_parse(struct gantry_message *m, struct gantry_error *err)
{
	json_error_t where;

	if (m->body_len == 0) {
		gantry_problem(err, "", "the body is empty");
		gantry_fail(err, "The body must be JSON and is empty");
		return;
	}
	m->json = tree_load(m->body, m->body_len, 0, &where);
	if (m->json != NULL)
		return;
	if (where.line == 0) {
		gantry_problem(err, "", "%s", where.text);
		gantry_fail(err, "The body is %s levels", where.text);
	} else {
		gantry_problem(err, "", "line %d, column %d: %s", where.line,
			       where.column, where.text);
		gantry_fail(err, "The body is not valid JSON (line %d, column %d: %s)",
			    where.line, where.column, where.text);
	}
}

const json_t *gantry_json(struct gantry_message *m, struct gantry_error *err)
{
	if (m->json == NULL)
		message_parse(m, err);
	return m->json;
}

int gantry_attempts(const struct gantry_message *m)
{
	return m->attempts;
}

const char *gantry_subject(const struct gantry_message *m)
{
	return m->subject != NULL ? m->subject : "";
}

bool gantry_has_role(const struct gantry_message *m, const char *role)
{
	for (unsigned i = 0; i < m->n_roles; i++)
		if (strcmp(m->roles[i], role) == 0)
			return true;
	return false;
}

int64_t gantry_now_ms(const struct gantry_message *m)
{
	return m->received_ms;
}

static bool message_is_minted(const char *id, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(id, prefix, n) == 0 && strlen(id + n) == IDS_ULID - 1;
}

/*
 * Ids are kept in the order of the calls, so that each run gets the same; but
 * a run that knows more may want one for something else.
 */
const char *gantry_mint(struct gantry_message *m, const char *prefix)
{
	unsigned n = m->next_minted;

	if (n < m->n_minted) {
		if (!message_is_minted(m->minted[n], prefix))
			m->minted[n] = message_new_id(m, prefix);
		m->next_minted++;
		return m->minted[n];
	}
	if (n >= MESSAGE_MAX_MINTED)
		return message_new_id(m, prefix);
	m->minted = arena_extend(&m->arena, m->minted, n * sizeof(*m->minted),
				 (n + 1) * sizeof(*m->minted));
	m->minted[n] = message_new_id(m, prefix);
	m->n_minted = m->next_minted = n + 1;
	return m->minted[n];
}

void *gantry_alloc(struct gantry_message *m, size_t size)
{
	return arena_zero(&m->arena, size);
}

const char *gantry_format(struct gantry_message *m, const char *format, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, format);
	text = arena_vformat(&m->arena, format, ap);
	va_end(ap);
	return text;
}

bool gantry_parse_time(const char *text, size_t len, int64_t *ms_out)
{
	return clock_parse(text, len, ms_out);
}

static void message_log(struct gantry_message *m, enum gantry_level level,
			const char *format, va_list ap)
{
	struct message_log *line;
	unsigned n = 0;

	for (line = m->logs; line != NULL; line = line->next)
		n++;
	if (n >= MESSAGE_MAX_LOGS)
		return;
	line = arena_alloc(&m->arena, sizeof(*line));
	*line = (struct message_log){ m->logs, level,
				      arena_vformat(&m->arena, format, ap) };
	m->logs = line;
}

void gantry_log(struct gantry_message *m, enum gantry_level level,
		const char *format, ...)
{
	char text[MESSAGE_LOG_TEXT];
	va_list ap;

	if (!log_wants(level))
		return;
	va_start(ap, format);
	if (m != NULL)
		message_log(m, level, format, ap);
	else
		vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (m == NULL)
		log_line(level, NULL, NULL, "%s", text);
}

const char *gantry_credential(const struct gantry_message *m, size_t *len_out)
{
	*len_out = m->credential_len;
	return m->credential;
}

/* Headers may lie in memory that is not ours to change: a list without it. */
const char *gantry_credential_in(struct gantry_message *m, const char *header,
				 size_t *len_out)
{
	struct message_pair *others;
	const char *value = NULL;
	unsigned n = 0;

	*len_out = 0;
	if (message_pair_find(m->headers, m->n_headers, header, strcasecmp) == NULL)
		return NULL;
	others = arena_alloc(&m->arena, m->n_headers * sizeof(*others));
	for (unsigned i = 0; i < m->n_headers; i++) {
		if (strcasecmp(m->headers[i].name, header) != 0)
			others[n++] = m->headers[i];
		else
			value = value == NULL ? m->headers[i].value : "";
	}
	m->headers = others;
	m->n_headers = n;
	*len_out = strlen(value);
	return value;
}

void gantry_identify(struct gantry_message *m, const char *issuer,
		     const char *subject)
{
	m->issuer = arena_text(&m->arena, issuer);
	m->subject = arena_text(&m->arena, subject);
}

void gantry_grant(struct gantry_message *m, const char *role)
{
	if (m->n_roles < MESSAGE_MAX_ROLES)
		m->roles[m->n_roles++] = arena_text(&m->arena, role);
}
