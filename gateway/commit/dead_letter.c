/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dead_letter - D24: a delivery that was given up becomes a row, in one unit
 * with the inbox mark "dead"; what is tried again flips that mark in the unit
 * that applies it. So an event was applied, or is an open letter, never both.
 *
 * A letter that is closed stays for a while, so that who closes it again can
 * be told. Bodies are bytes from outside: what is no text is kept as base64.
 */
#include <assert.h>
#include <string.h>

#include <nettle/base64.h>
#include <nettle/sha2.h>

#include "gateway/base/utf8.h"
#include "gateway/commit/unit.h"
#include "gateway/pipeline/envelope.h"

#define DEAD_LETTER_MAX_NAME 255	/* of AMQP's short texts */
#define DEAD_LETTER_MAX_CAUSE 64
#define DEAD_LETTER_MAX_TEXT 1024
#define DEAD_LETTER_MAX_HEADERS 4096

static void dead_letter_hash(struct sha256_ctx *hash, const char *text)
{
	text = text != NULL ? text : "";
	sha256_update(hash, strlen(text) + 1, (const uint8_t *)text);
}

/*
 * The letter's key in its table: that of the inbox, else what it is made of.
 * The same delivery once more has the same time of death, another one not.
 */
static const char *dead_letter_key(struct gantry_message *m)
{
	const struct message_dead_letter *letter = m->dead_letter;
	char text[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1];
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx hash;

	if (m->inbox_key != NULL)
		return m->inbox_key;
	sha256_init(&hash);
	dead_letter_hash(&hash, letter->exchange);
	dead_letter_hash(&hash, letter->routing_key);
	dead_letter_hash(&hash, letter->headers);
	sha256_update(&hash, sizeof(letter->died_at_ms),
		      (const uint8_t *)&letter->died_at_ms);
	sha256_update(&hash, m->body_len, (const uint8_t *)m->body);
	sha256_digest(&hash, sizeof(digest), digest);
	base64_encode_raw(text, sizeof(digest), digest);
	text[sizeof(text) - 1] = '\0';
	return arena_format(&m->arena, "%s#%s",
			    utf8_clean(&m->arena, letter->queue, DEAD_LETTER_MAX_NAME),
			    text);
}

void dead_letter_needs(struct unit *u, struct gantry_message *m)
{
	struct gantry_value inbox = value_text(m->inbox_key), letter;
	struct gantry_key key = { .size = sizeof(key), .n = 1 };

	if (m->inbox_key != NULL) {
		key.table = COMMIT_INBOX;
		key.values = &inbox;
		needs_lock(&u->needs, &key);
	}
	key.table = COMMIT_DEAD_LETTERS;
	key.values = &letter;
	if (m->resolves != 0) {
		letter = value_number(m->resolves);
		key.index = GANTRY_BY_REF;
	} else {
		letter = value_text(dead_letter_key(m));
	}
	needs_lock(&u->needs, &key);
}

static struct row *dead_letter_inbox(struct unit *u, const struct gantry_message *m)
{
	struct gantry_value key = value_text(m->inbox_key);

	return m->inbox_key == NULL ? NULL :
		rowset_find(&u->rows, COMMIT_INBOX, 0, &key, 1);
}

static bool dead_letter_is_open(const struct row *row)
{
	return row_is_null(row, DEAD_LETTERS_CLOSED_AT);
}

/* The body as the table holds it; form says how. */
static void dead_letter_body(struct unit *u, const struct gantry_message *m,
			     struct row *row)
{
	bool text = memchr(m->body, '\0', m->body_len) == NULL &&
		    utf8_is_valid(m->body, m->body_len);
	size_t len = m->body_len;
	char *body;

	if (text) {
		body = arena_text_n(&u->arena, m->body, len);
	} else {
		len = BASE64_ENCODE_RAW_LENGTH(len);
		body = arena_alloc(&u->arena, len + 1);
		base64_encode_raw(body, m->body_len, (const uint8_t *)m->body);
		body[len] = '\0';
	}
	row_set_text(&u->rows, row, DEAD_LETTERS_FORM, text ? "text" : "base64");
	row_set_text_kept(&u->rows, row, DEAD_LETTERS_BODY, body, len);
}

static void dead_letter_set(struct unit *u, struct row *row, unsigned column,
			    const char *text, size_t max)
{
	row_set_text(&u->rows, row, column, utf8_clean(&u->arena, text, max));
}

/* Half a JSON object is none. */
static const char *dead_letter_headers(const char *headers)
{
	if (headers == NULL || utf8_is_valid(headers, strlen(headers)))
		return headers != NULL && strlen(headers) > DEAD_LETTER_MAX_HEADERS ?
			       "{\"truncated\":true}" : headers;
	return "{\"unreadable\":true}";
}

static void dead_letter_cause(struct unit *u, struct row *row, const char *cause,
			      const char *text)
{
	if (cause == NULL || *cause == '\0')
		cause = "INTERNAL_ERROR";
	dead_letter_set(u, row, DEAD_LETTERS_CAUSE, cause, DEAD_LETTER_MAX_CAUSE);
	dead_letter_set(u, row, DEAD_LETTERS_OPEN_CAUSE, cause, DEAD_LETTER_MAX_CAUSE);
	dead_letter_set(u, row, DEAD_LETTERS_TEXT, text, DEAD_LETTER_MAX_TEXT);
}

static void dead_letter_fill(struct unit *u, struct gantry_message *m, struct row *row)
{
	const struct message_dead_letter *l = m->dead_letter;
	struct rowset *rows = &u->rows;

	row_set_text(rows, row, DEAD_LETTERS_STATE, "open");
	dead_letter_set(u, row, DEAD_LETTERS_QUEUE, l->queue, DEAD_LETTER_MAX_NAME);
	/* with one there is an inbox row, and never else: verify.h, I6 */
	dead_letter_set(u, row, DEAD_LETTERS_EVENT_ID,
			m->inbox_key != NULL ? l->event_id : NULL, DEAD_LETTER_MAX_NAME);
	dead_letter_set(u, row, DEAD_LETTERS_EXCHANGE, l->exchange, DEAD_LETTER_MAX_NAME);
	dead_letter_set(u, row, DEAD_LETTERS_ROUTING_KEY, l->routing_key,
			DEAD_LETTER_MAX_NAME);
	dead_letter_cause(u, row, l->cause, l->text);
	dead_letter_set(u, row, DEAD_LETTERS_HANDLER, l->handler, DEAD_LETTER_MAX_NAME);
	row_set_number(rows, row, DEAD_LETTERS_ATTEMPTS, l->attempts);
	row_set_text(rows, row, DEAD_LETTERS_HEADERS, dead_letter_headers(l->headers));
	dead_letter_set(u, row, DEAD_LETTERS_CONTENT_TYPE, l->content_type,
			DEAD_LETTER_MAX_NAME);
	dead_letter_set(u, row, DEAD_LETTERS_CORRELATION_ID, m->correlation_id,
			DEAD_LETTER_MAX_NAME);
	dead_letter_set(u, row, DEAD_LETTERS_TRACEPARENT, m->traceparent,
			DEAD_LETTER_MAX_NAME);
	dead_letter_body(u, m, row);
	row_set_number(rows, row, DEAD_LETTERS_DIED_AT,
		       l->died_at_ms > 0 ? l->died_at_ms : u->now_ms);
	row_set_number(rows, row, DEAD_LETTERS_CREATED_AT, u->now_ms);
	row_set_null(rows, row, DEAD_LETTERS_CLOSED_AT);
}

static void dead_letter_mark(struct unit *u, const struct gantry_message *m)
{
	struct row *row;

	if (m->inbox_key == NULL)
		return;
	row = rowset_new(&u->rows, COMMIT_INBOX, ids_ref(&u->world->refs, u->now_ms));
	row_set_text(&u->rows, row, INBOX_KEY, m->inbox_key);
	row_set_text(&u->rows, row, INBOX_STATE, "dead");
	row_set_number(&u->rows, row, INBOX_CREATED_AT, u->now_ms);
}

/*
 * Known already, by the inbox or, without an event id, by itself: nothing is
 * to be done. A letter whose inbox row is too old to be there is opened anew.
 */
void dead_letter_store(struct unit *u, struct gantry_message *m)
{
	const char *key = dead_letter_key(m);
	struct gantry_value value = value_text(key);
	struct row *row = rowset_find(&u->rows, COMMIT_DEAD_LETTERS, 0, &value, 1);

	message_correlate(m);
	if (dead_letter_inbox(u, m) != NULL || (row != NULL && m->inbox_key == NULL)) {
		envelope_outcome(m, "duplicate");
		return;
	}
	if (row == NULL) {
		row = rowset_new(&u->rows, COMMIT_DEAD_LETTERS,
				 ids_ref(&u->world->refs, u->now_ms));
		row_set_text(&u->rows, row, DEAD_LETTERS_KEY, key);
	}
	dead_letter_fill(u, m, row);
	dead_letter_mark(u, m);
	envelope_outcome(m, "dead");
}

static struct row *dead_letter_row(struct unit *u, const struct gantry_message *m)
{
	return rowset_by_ref(&u->rows, COMMIT_DEAD_LETTERS, m->resolves);
}

static void dead_letter_close(struct unit *u, struct row *row, const char *state)
{
	row_set_text(&u->rows, row, DEAD_LETTERS_STATE, state);
	row_set_null(&u->rows, row, DEAD_LETTERS_OPEN_CAUSE);
	row_set_number(&u->rows, row, DEAD_LETTERS_CLOSED_AT, u->now_ms);
}

/* The same as before, said again: no change, no audit. */
static bool dead_letter_is_closed(struct gantry_message *m, const struct row *row)
{
	message_correlate(m);
	if (row == NULL) {
		error_reset(&m->error);
		error_set(&m->error, "DEAD_LETTER_NOT_FOUND",
			  "There is no dead letter %lld", (long long)m->resolves);
		envelope_fail(m, GANTRY_REJECTED);
		return true;
	}
	if (dead_letter_is_open(row))
		return false;
	envelope_outcome(m, arena_format(&m->arena, "already %s",
					 row_text(row, DEAD_LETTERS_STATE)));
	return true;
}

bool dead_letter_is_over(struct unit *u, struct gantry_message *m)
{
	struct row *row = dead_letter_row(u, m);
	const struct row *inbox = dead_letter_inbox(u, m);
	const char *state;

	if (dead_letter_is_closed(m, row))
		return true;
	state = inbox != NULL ? row_text(inbox, INBOX_STATE) : "dead";
	if (strcmp(state, "dead") == 0)
		return false;
	/* by another letter, or by a body that names an event of before */
	dead_letter_close(u, row, state);
	audit_add(u, m, "duplicate", NULL);
	envelope_outcome(m, "duplicate");
	return true;
}

void dead_letter_discard(struct unit *u, struct gantry_message *m)
{
	struct row *row = dead_letter_row(u, m), *inbox = dead_letter_inbox(u, m);

	if (dead_letter_is_closed(m, row))
		return;
	dead_letter_close(u, row, "discarded");
	if (inbox != NULL && strcmp(row_text(inbox, INBOX_STATE), "dead") == 0)
		row_set_text(&u->rows, inbox, INBOX_STATE, "discarded");
	audit_add(u, m, "discarded", m->discards);
	envelope_outcome(m, "discarded");
}

/* What an operator made of it is kept beside what came in. */
static void dead_letter_edit(struct unit *u, struct gantry_message *m, struct row *row)
{
	if (!m->edited)
		return;
	if (row_is_null(row, DEAD_LETTERS_ORIGINAL)) {
		row_set_text(&u->rows, row, DEAD_LETTERS_ORIGINAL_FORM,
			     row_text(row, DEAD_LETTERS_FORM));
		row_set_text(&u->rows, row, DEAD_LETTERS_ORIGINAL,
			     row_text(row, DEAD_LETTERS_BODY));
	}
	dead_letter_body(u, m, row);
}

void dead_letter_applied(struct unit *u, struct gantry_message *m, const char *state)
{
	struct row *row = dead_letter_row(u, m);

	dead_letter_edit(u, m, row);
	dead_letter_close(u, row, state);
	audit_add(u, m, state, NULL);
}

/*
 * What failed by something else than the message is no attempt: the letter
 * stays as it was.
 */
void dead_letter_failed(struct unit *u, struct gantry_message *m,
			enum gantry_verdict verdict)
{
	const struct route *route = m->route;
	unsigned step = m->step < route->n_steps ? m->step : route->n_steps - 1;
	const char *code = envelope_cause(&m->error, verdict);
	const char *text = envelope_summary(&u->arena, &m->error);
	struct row *row = dead_letter_row(u, m);
	bool held = m->error.dependency != GANTRY_DEPENDS_ON_NOTHING;

	audit_add(u, m, held ? "held" : "failed",
		  arena_format(&u->arena, "%s: %s", code, text));
	if (held)
		return;
	dead_letter_edit(u, m, row);
	dead_letter_cause(u, row, code, text);
	row_set_text(&u->rows, row, DEAD_LETTERS_HANDLER,
		     arena_format(&u->arena, "%s.%s", route->steps[step].instance->name,
				  route->steps[step].handler->name));
	row_set_number(&u->rows, row, DEAD_LETTERS_ATTEMPTS,
		       row_number(row, DEAD_LETTERS_ATTEMPTS) + 1);
}
