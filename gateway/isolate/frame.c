/* SPDX-License-Identifier: Apache-2.0 */
/* frame - see frame.h: the gateway's side. The helper's is in frame_helper.c. */
#include "gateway/isolate/frame.h"

#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/base/utf8.h"
#include "gateway/isolate/frame_private.h"
#include "gateway/pipeline/ask.h"
#include "gateway/pipeline/call.h"

/* --- there --- */

static void frame_put_pairs(struct wire_pen *pen, const struct message_pair *pairs,
			    unsigned n)
{
	wire_put(pen, n);
	for (unsigned i = 0; i < n; i++) {
		wire_put_text(pen, pairs[i].name);
		wire_put_text(pen, pairs[i].value);
	}
}

static void frame_put_head(struct wire_pen *pen, const struct gantry_message *m)
{
	wire_put(pen, m->source);
	wire_put(pen, m->received_ms);
	wire_put(pen, m->attempts);
	wire_put_text(pen, m->id);
	wire_put_text(pen, m->correlation_id);
	wire_put_text(pen, m->traceparent);
	wire_put_text(pen, m->method);
	wire_put_text(pen, m->path);
	wire_put_text(pen, m->raw_path);
	wire_put_text(pen, m->raw_query);
	wire_put_text(pen, m->peer);
	wire_put(pen, m->tls);
	wire_put_text_n(pen, m->body, m->body_len);
	wire_put_text(pen, m->issuer);
	wire_put_text(pen, m->subject);
	frame_put_pairs(pen, m->params, m->n_params);
	frame_put_pairs(pen, m->query, m->n_query);
	frame_put_pairs(pen, m->headers, m->n_headers);
	wire_put(pen, m->n_roles);
	for (unsigned i = 0; i < m->n_roles; i++)
		wire_put_text(pen, m->roles[i]);
}

void frame_put_minted(struct wire_pen *pen, const struct gantry_message *m)
{
	wire_put(pen, m->next_minted);
	wire_put(pen, m->n_minted);
	for (unsigned i = 0; i < m->n_minted; i++)
		wire_put_text(pen, m->minted[i]);
}

void frame_put_tree(struct wire_pen *pen, const json_t *tree)
{
	char *text = tree != NULL ? json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	wire_put_text(pen, text);
	free(text);
}

void frame_put_error(struct wire_pen *pen, const struct gantry_error *err)
{
	wire_put_text(pen, err->code);
	wire_put_text(pen, err->message);
	wire_put(pen, err->dependency);
	wire_put(pen, err->wait_ms);
	wire_put(pen, err->permanent);
	wire_put_text(pen, error_details(err));
}

static void frame_put_answer(struct wire_pen *pen, const struct gantry_answer *a)
{
	unsigned n = 0;

	wire_put(pen, a->status);
	while (a->headers != NULL && a->headers[n] != NULL)
		n++;
	wire_put(pen, n);
	for (unsigned i = 0; i < n; i++)
		wire_put_text(pen, a->headers[i]);
	wire_put_text_n(pen, a->body, a->body_len);
	wire_put(pen, a->json != NULL);
}

/* What was asked for; the helper asks the same, and finds the answer there. */
void frame_put_question(struct wire_pen *pen, const struct message_ask *ask)
{
	const struct gantry_request *r = ask->call != NULL ? &ask->call->request : NULL;
	unsigned n = 0;

	wire_put(pen, ask->kind);
	if (ask->kind == ASK_RECORD) {
		wire_put_text(pen, ask->record);
	} else if (ask->kind == ASK_QUERY) {
		wire_put_text(pen, ask->query.name);
		wire_put_text(pen, ask->query.key);
		wire_put_text(pen, ask->query.after);
		wire_put(pen, ask->query.limit);
	} else {
		wire_put_text(pen, r->upstream);
		wire_put_text(pen, r->method);
		wire_put_text(pen, r->path);
		wire_put_text_n(pen, r->body, r->body_len);
		wire_put(pen, r->want_json);
		wire_put(pen, r->verbatim);
		wire_put_text(pen, r->correlation_id);
		wire_put_text(pen, r->order_id);
		while (r->headers[n] != NULL)
			n++;
		wire_put(pen, n);
		for (unsigned i = 0; i < n; i++)
			wire_put_text(pen, r->headers[i]);
	}
}

static void frame_put_ask(struct wire_pen *pen, const struct message_ask *ask)
{
	frame_put_question(pen, ask);
	wire_put(pen, ask->error != NULL);
	if (ask->error != NULL) {
		frame_put_error(pen, ask->error);
	} else if (ask->kind == ASK_RECORD) {
		frame_put_tree(pen, ask->value);
	} else if (ask->kind == ASK_QUERY) {
		frame_put_tree(pen, ask->rows);
		wire_put_text(pen, ask->page.after);
	} else {
		frame_put_answer(pen, &ask->call->answer);
	}
}

/* Records of other instances are not this handler's. */
static bool frame_is_theirs(const struct gantry_message *m, const struct message_ask *ask)
{
	const char *name = m->route->steps[m->step].instance->name;
	size_t len = strlen(name);

	return ask->record != NULL &&
	       (strncmp(ask->record, name, len) != 0 || ask->record[len] != ASK_JOINT[0]);
}

const struct message_ask *frame_sent(const struct gantry_message *m,
				     const struct message_ask *ask)
{
	while (ask != NULL && (!ask->answered || frame_is_theirs(m, ask)))
		ask = ask->next;
	return ask;
}

static void frame_put_asks(struct wire_pen *pen, const struct gantry_message *m)
{
	for (const struct message_ask *ask = frame_sent(m, m->asks); ask != NULL;
	     ask = frame_sent(m, ask->next)) {
		wire_put(pen, 1);
		frame_put_ask(pen, ask);
	}
	wire_put(pen, 0);
}

void frame_put_request(struct wire_pen *pen, enum frame_work work, unsigned handler,
		       const struct gantry_message *m)
{
	wire_begin(pen);
	wire_put(pen, work);
	wire_put(pen, handler);
	frame_put_head(pen, m);
	frame_put_minted(pen, m);
	frame_put_asks(pen, m);
	if (work == FRAME_HANDLE) {
		wire_put(pen, m->effects.n_commands);
		return;
	}
	frame_put_effects(pen, &m->effects, 0, (int)m->step);
	frame_put_outcomes(pen, m);
}

/* --- and back --- */

static int frame_bad(struct gantry_error *err)
{
	return gantry_fail(err, "its process said what makes no sense");
}

static void frame_take_minted(struct wire_eye *eye, struct gantry_message *m)
{
	unsigned next = (unsigned)wire_get_in(eye, 0, MESSAGE_MAX_MINTED);
	unsigned n = (unsigned)wire_get_in(eye, next, MESSAGE_MAX_MINTED);
	const char **minted = arena_zero(&m->arena, (n + 1) * sizeof(*minted));

	for (unsigned i = 0; i < n && !eye->bad; i++) {
		const char *id = wire_get_some(eye);

		eye->bad |= !utf8_is_printable_ascii(id, strlen(id), 128);
		minted[i] = arena_text(&m->arena, id);
	}
	if (eye->bad || n < m->n_minted)
		return;
	m->minted = minted;
	m->n_minted = n;
	m->next_minted = next;
}

static void frame_take_logs(struct wire_eye *eye, struct gantry_message *m)
{
	unsigned n = (unsigned)wire_get_in(eye, 0, MESSAGE_MAX_LOGS);

	for (unsigned i = 0; i < n && !eye->bad; i++) {
		enum gantry_level level = (enum gantry_level)wire_get_in(
			eye, GANTRY_LOG_DEBUG, GANTRY_LOG_ERROR);

		gantry_log(m, level, "%s", wire_get_some(eye));
	}
}

void frame_take_error(struct wire_eye *eye, struct gantry_error *err)
{
	const char *code = wire_get_text(eye), *message = wire_get_some(eye), *details;
	enum gantry_dependency on = (enum gantry_dependency)wire_get_in(
		eye, GANTRY_DEPENDS_ON_NOTHING, GANTRY_DEPENDS_ON_UPSTREAM);
	int64_t wait_ms = wire_get_in(eye, 0, INT64_C(86400000));
	bool permanent = wire_get_in(eye, 0, 1) != 0;
	json_t *tree;

	details = wire_get_text(eye);
	if (eye->bad)
		return;
	if (on != GANTRY_DEPENDS_ON_NOTHING)
		error_depends(err, on, "%s", message);
	else if (*message != '\0')
		gantry_fail(err, "%s", message);
	if (code != NULL && utf8_is_printable_ascii(code, strlen(code), 63))
		gantry_reject(err, code);
	err->wait_ms = wait_ms;
	err->permanent = permanent;
	tree = details != NULL ? json_loads(details, 0, NULL) : NULL;
	if (tree != NULL)
		error_details_text(err, details, strlen(details));
	json_decref(tree);
}

/* "instance", "space" and "key" with the joint between. */
static void frame_ask_record(struct wire_eye *eye, struct gantry_message *m,
			     struct gantry_error *err)
{
	char *text = arena_text(&m->arena, wire_get_some(eye));
	char *space = strchr(text, ASK_JOINT[0]);
	char *key = space != NULL ? strchr(space + 1, ASK_JOINT[0]) : NULL;

	if (key == NULL) {
		eye->bad = true;
		return;
	}
	*key++ = '\0';
	gantry_record_get(m, space + 1, key, err);
}

static void frame_ask_query(struct wire_eye *eye, struct gantry_message *m,
			    struct gantry_error *err)
{
	struct gantry_query query = { .size = sizeof(query) };

	query.name = wire_get_some(eye);
	query.key = wire_get_text(eye);
	query.after = wire_get_text(eye);
	query.limit = wire_get(eye);
	if (!eye->bad)
		gantry_find(m, &query, err);
}

static void frame_ask_call(struct wire_eye *eye, struct gantry_message *m,
			   struct gantry_error *err)
{
	struct gantry_request r = { .size = sizeof(r) };
	const char *headers[CALL_MAX_HEADERS + 1] = { NULL };
	struct message_ask *ask;
	unsigned n;

	r.upstream = wire_get_some(eye);
	r.method = wire_get_some(eye);
	r.path = wire_get_some(eye);
	r.body = wire_get_text_n(eye, &r.body_len);
	r.want_json = wire_get_in(eye, 0, 1) != 0;
	r.verbatim = wire_get_in(eye, 0, 1) != 0;
	r.correlation_id = wire_get_text(eye);
	r.order_id = wire_get_text(eye);
	n = (unsigned)wire_get_in(eye, 0, CALL_MAX_HEADERS);
	for (unsigned i = 0; i < n; i++)
		headers[i] = wire_get_some(eye);
	r.headers = headers;
	/* its process hears of it in another run in any case */
	ask = eye->bad ? NULL : call_ask(m, &r, err);
	if (ask != NULL)
		ask_is_good(m, ask, err);
}

struct message_ask *frame_ask(struct wire_eye *eye, struct gantry_message *m,
			      struct gantry_error *err)
{
	struct message_ask *last;

	switch (wire_get(eye)) {
	case ASK_RECORD:
		frame_ask_record(eye, m, err);
		break;
	case ASK_QUERY:
		frame_ask_query(eye, m, err);
		break;
	case ASK_CALL:
		frame_ask_call(eye, m, err);
		break;
	default:
		eye->bad = true;
	}
	for (last = m->asks; last != NULL && last->next != NULL; last = last->next)
		;
	return last;
}

static enum gantry_verdict frame_take_asks(struct wire_eye *eye, struct gantry_message *m,
					   struct gantry_error *err)
{
	while (wire_get_in(eye, 0, 1) == 1 && !eye->bad)
		frame_ask(eye, m, err);
	if (eye->bad || eye->next != eye->end || !m->asking)
		frame_bad(err);
	return GANTRY_FAILED;
}

enum gantry_verdict frame_take_reply(struct wire_eye *eye, struct gantry_message *m,
				     struct gantry_error *err)
{
	int verdict = (int)wire_get(eye);
	bool asking = wire_get_in(eye, 0, 1) != 0;
	const struct effects mark = m->effects;

	frame_take_minted(eye, m);
	frame_take_logs(eye, m);
	frame_take_error(eye, err);
	if (asking && !m->settling)
		return frame_take_asks(eye, m, err);
	if (frame_take_effects(eye, m, err) == 0 && !eye->bad && eye->next == eye->end)
		return (enum gantry_verdict)verdict;
	effects_truncate(&m->effects, &mark);
	if (eye->bad)
		frame_bad(err);
	return GANTRY_FAILED;
}
