/* SPDX-License-Identifier: Apache-2.0 */
/* frame_helper - the side of the helper process; see frame.h. */
#include <string.h>

#include "gateway/isolate/frame_private.h"
#include "gateway/pipeline/ask.h"
#include "gateway/pipeline/tree.h"

static const struct message_pair *frame_take_pairs(struct wire_eye *eye,
						   struct gantry_message *m,
						   unsigned *n_out)
{
	unsigned n = (unsigned)wire_get_in(eye, 0, 10000);
	struct message_pair *pairs = arena_zero(&m->arena, (n + 1) * sizeof(*pairs));

	for (unsigned i = 0; i < n; i++) {
		pairs[i].name = wire_get_some(eye);
		pairs[i].value = wire_get_some(eye);
	}
	*n_out = n;
	return pairs;
}

static void frame_take_head(struct wire_eye *eye, struct gantry_message *m)
{
	m->source = (enum gantry_source)wire_get(eye);
	m->received_ms = wire_get(eye);
	m->attempts = (int)wire_get(eye);
	m->id = wire_get_some(eye);
	m->correlation_id = wire_get_text(eye);
	m->traceparent = wire_get_text(eye);
	m->method = wire_get_some(eye);
	m->path = wire_get_some(eye);
	m->raw_path = wire_get_text(eye);
	m->raw_query = wire_get_text(eye);
	m->peer = wire_get_text(eye);
	m->tls = wire_get(eye) != 0;
	m->body = wire_get_text_n(eye, &m->body_len);
	m->body = m->body != NULL ? m->body : "";
	m->issuer = wire_get_text(eye);
	m->subject = wire_get_text(eye);
	m->params = frame_take_pairs(eye, m, &m->n_params);
	m->query = frame_take_pairs(eye, m, &m->n_query);
	m->headers = frame_take_pairs(eye, m, &m->n_headers);
	m->n_roles = (unsigned)wire_get_in(eye, 0, MESSAGE_MAX_ROLES);
	for (unsigned i = 0; i < m->n_roles; i++)
		m->roles[i] = wire_get_some(eye);
}

static void frame_take_ids(struct wire_eye *eye, struct gantry_message *m)
{
	m->next_minted = m->minted_before = (unsigned)wire_get_in(eye, 0, MESSAGE_MAX_MINTED);
	m->n_minted = (unsigned)wire_get_in(eye, m->next_minted, MESSAGE_MAX_MINTED);
	/* gantry_mint() makes it longer, one by one */
	m->minted = arena_alloc(&m->arena, (m->n_minted + 1) * sizeof(*m->minted));
	for (unsigned i = 0; i < m->n_minted; i++)
		m->minted[i] = wire_get_some(eye);
}

static void frame_take_answer(struct wire_eye *eye, struct gantry_message *m,
			      struct call *call)
{
	struct gantry_answer *a = &call->answer;
	const char **headers;
	unsigned n;

	a->size = sizeof(*a);
	a->status = (int)wire_get(eye);
	n = (unsigned)wire_get_in(eye, 0, 10000);
	headers = arena_zero(&m->arena, (n + 1) * sizeof(*headers));
	for (unsigned i = 0; i < n; i++)
		headers[i] = wire_get_some(eye);
	a->headers = headers;
	a->body = wire_get_text_n(eye, &a->body_len);
	a->body = a->body != NULL ? a->body : "";
	if (wire_get(eye) != 0)
		a->json = call->json = tree_load(a->body, a->body_len, 0, NULL);
}

static json_t *frame_take_tree(struct wire_eye *eye)
{
	size_t len;
	const char *text = wire_get_text_n(eye, &len);

	return text != NULL ? json_loadb(text, len, JSON_DECODE_ANY, NULL) : NULL;
}

static void frame_take_known(struct wire_eye *eye, struct gantry_message *m)
{
	struct message_ask *ask = frame_ask(eye, m, NULL);
	struct gantry_error failed = ERROR_INIT;

	if (eye->bad || ask == NULL)
		return;
	ask->answered = true;
	if (wire_get(eye) != 0) {
		frame_take_error(eye, &failed);
		ask_fail(m, ask, &failed);
		error_fini(&failed);
	} else if (ask->kind == ASK_RECORD) {
		ask->value = frame_take_tree(eye);
	} else if (ask->kind == ASK_QUERY) {
		ask->rows = frame_take_tree(eye);
		ask->page = (struct gantry_page){ .size = sizeof(ask->page),
						  .rows = ask->rows,
						  .after = wire_get_text(eye) };
	} else {
		frame_take_answer(eye, m, ask->call);
	}
}

int frame_take_request(struct wire_eye *eye, enum frame_work *work_out,
		       unsigned *handler_out, struct gantry_message *m)
{
	*work_out = (enum frame_work)wire_get_in(eye, FRAME_HANDLE, FRAME_SETTLE);
	*handler_out = (unsigned)wire_get_in(eye, 0, UINT16_MAX);
	frame_take_head(eye, m);
	frame_take_ids(eye, m);
	while (wire_get_in(eye, 0, 1) == 1 && !eye->bad)
		frame_take_known(eye, m);
	m->asking = false;
	if (*work_out == FRAME_HANDLE) {
		m->effects.n_commands = (unsigned)wire_get_in(eye, 0, EFFECTS_MAX_COMMANDS);
	} else {
		frame_fill_effects(eye, m);
		frame_take_outcomes(eye, m);
	}
	return eye->bad || eye->next != eye->end ? -1 : 0;
}

static void frame_put_logs(struct wire_pen *pen, const struct gantry_message *m)
{
	const struct message_log *lines[MESSAGE_MAX_LOGS];
	unsigned n = 0;

	for (const struct message_log *line = m->logs; line != NULL; line = line->next)
		lines[n++] = line;
	wire_put(pen, n);
	while (n-- > 0) {
		wire_put(pen, lines[n]->level);
		wire_put_text(pen, lines[n]->text);
	}
}

void frame_put_reply(struct wire_pen *pen, const struct gantry_message *m,
		     enum gantry_verdict verdict, const struct effects *before)
{
	wire_begin(pen);
	wire_put(pen, verdict);
	wire_put(pen, m->asking);
	frame_put_minted(pen, m);
	frame_put_logs(pen, m);
	frame_put_error(pen, &m->error);
	if (!m->asking) {
		frame_put_effects(pen, &m->effects, before->len, 0);
		return;
	}
	for (const struct message_ask *ask = m->asks; ask != NULL; ask = ask->next) {
		if (ask->answered)
			continue;
		wire_put(pen, 1);
		frame_put_question(pen, ask);
	}
	wire_put(pen, 0);
}
