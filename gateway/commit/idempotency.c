/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idempotency - D6: the answer to a keyed request is kept in the unit that
 * applied it, and given again to whoever repeats the request.
 *
 * The key in the table is the sender's scope and the key as it came, so that
 * keys that ascend in time keep their order in the index.
 */
#include <string.h>

#include <nettle/sha2.h>

#include "gateway/commit/unit.h"
#include "gateway/pipeline/envelope.h"

#define IDEMPOTENCY_MAX_SCOPE 200
#define IDEMPOTENCY_HEX (2 * SHA256_DIGEST_SIZE + 1)

static void idempotency_hex(struct sha256_ctx *hash, char hex[static IDEMPOTENCY_HEX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[SHA256_DIGEST_SIZE];

	sha256_digest(hash, sizeof(bytes), bytes);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * sizeof(bytes)] = '\0';
}

/* Issuer and subject; without a subject issuer and role. */
static const char *idempotency_scope(struct gantry_message *m)
{
	const char *who = m->subject != NULL ? m->subject :
			  m->n_roles > 0 ? m->roles[0] : "";
	const char *scope = arena_format(&m->arena, "%s\x1f%c%s",
					 m->issuer != NULL ? m->issuer : "",
					 m->subject != NULL ? 's' : 'r', who);
	struct sha256_ctx hash;
	char hex[IDEMPOTENCY_HEX];

	if (strlen(scope) <= IDEMPOTENCY_MAX_SCOPE)
		return scope;
	sha256_init(&hash);
	sha256_update(&hash, strlen(scope), (const uint8_t *)scope);
	idempotency_hex(&hash, hex);
	return arena_text(&m->arena, hex);
}

/* SHA-256 of method, path and body. */
static const char *idempotency_fingerprint(struct gantry_message *m)
{
	char hex[IDEMPOTENCY_HEX];
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, strlen(m->method) + 1, (const uint8_t *)m->method);
	sha256_update(&hash, strlen(m->path) + 1, (const uint8_t *)m->path);
	sha256_update(&hash, m->body_len, (const uint8_t *)m->body);
	idempotency_hex(&hash, hex);
	return arena_text(&m->arena, hex);
}

void idempotency_prepare(struct gantry_message *m)
{
	if (m->idempotency_key == NULL || m->kept_key != NULL)
		return;
	m->kept_key = arena_format(&m->arena, "%s\x1f%s", idempotency_scope(m),
				   m->idempotency_key);
	m->fingerprint = idempotency_fingerprint(m);
}

void idempotency_needs(struct unit *u, struct gantry_message *m)
{
	struct gantry_value value;

	if (m->idempotency_key == NULL)
		return;
	value = value_text(m->kept_key);
	needs_read(&u->needs, &(struct gantry_key){ .size = sizeof(struct gantry_key),
						    .table = COMMIT_IDEMPOTENCY,
						    .n = 1,
						    .values = &value });
}

static struct row *idempotency_find(struct unit *u, struct gantry_message *m)
{
	struct gantry_value value = value_text(m->kept_key);

	return rowset_find(&u->rows, COMMIT_IDEMPOTENCY, 0, &value, 1);
}

static bool idempotency_is_kept(const struct unit *u, const struct row *row)
{
	return row != NULL && row_number(row, IDEMPOTENCY_CREATED_AT) +
			u->world->options.idempotency_ms > u->now_ms;
}

/* "Name: value\n" for each header, as idempotency_keep() wrote them. */
static void idempotency_headers(struct gantry_message *m, const char *lines)
{
	struct message_pair *pairs;
	char *line, *next, *value;
	unsigned n = 0;

	pairs = arena_alloc(&m->arena, (EFFECTS_MAX_HEADERS + 1) * sizeof(*pairs));
	line = arena_text(&m->arena, lines != NULL ? lines : "");
	for (; *line != '\0' && n < EFFECTS_MAX_HEADERS; line = next) {
		next = line + strcspn(line, "\n");
		if (*next != '\0')
			*next++ = '\0';
		value = strstr(line, ": ");
		if (value == NULL)
			continue;
		*value = '\0';
		pairs[n++] = (struct message_pair){ line, value + 2 };
	}
	pairs[n++] = (struct message_pair){ "Idempotent-Replayed", "true" };
	m->answer.headers = pairs;
	m->answer.n_headers = n;
}

bool idempotency_replay(struct unit *u, struct gantry_message *m)
{
	const char *answer;
	struct row *row;

	if (m->idempotency_key == NULL)
		return false;
	row = idempotency_find(u, m);
	if (!idempotency_is_kept(u, row))
		return false;
	message_correlate(m);
	if (strcmp(row_text(row, IDEMPOTENCY_FINGERPRINT), m->fingerprint) != 0) {
		error_reset(&m->error);
		error_set(&m->error, "IDEMPOTENCY_KEY_REUSED",
			  "The key was used with another request");
		envelope_fail(m, GANTRY_REJECTED);
		return true;
	}
	answer = row_text(row, IDEMPOTENCY_ANSWER);
	m->answer = (struct message_answer){
		.verdict = GANTRY_DONE,
		.status = (int)row_number(row, IDEMPOTENCY_STATUS),
		.len = strlen(answer),
	};
	m->answer.text = arena_text_n(&m->arena, answer, m->answer.len);
	idempotency_headers(m, row_text(row, IDEMPOTENCY_HEADERS));
	return true;
}

static const char *idempotency_lines(struct gantry_message *m)
{
	const char *lines = NULL;

	for (unsigned i = 0; i < m->answer.n_headers; i++)
		lines = arena_format(&m->arena, "%s%s: %s\n", lines ? lines : "",
				     m->answer.headers[i].name,
				     m->answer.headers[i].value);
	return lines;
}

/* Answers of requests that reached the unit; never what may change by itself. */
static bool idempotency_keeps(int status)
{
	return (status >= 200 && status < 300) || status == 404 ||
	       status == 409 || status == 422;
}

/*
 * An answer that has expired makes room for a new row: its ref says how old it
 * is, and retention may have its eye on the old one.
 */
void idempotency_keep(struct unit *u, struct gantry_message *m)
{
	struct row *row;

	if (m->idempotency_key == NULL || !idempotency_keeps(m->answer.status))
		return;
	row = idempotency_find(u, m);
	if (row != NULL)
		rowset_remove(&u->rows, row);
	row = rowset_new(&u->rows, COMMIT_IDEMPOTENCY,
			 ids_ref(&u->world->refs, u->now_ms));
	row_set_text(&u->rows, row, IDEMPOTENCY_KEY, m->kept_key);
	row_set_text(&u->rows, row, IDEMPOTENCY_FINGERPRINT, m->fingerprint);
	row_set_number(&u->rows, row, IDEMPOTENCY_STATUS, m->answer.status);
	row_set_text(&u->rows, row, IDEMPOTENCY_HEADERS, idempotency_lines(m));
	row_set_text_n(&u->rows, row, IDEMPOTENCY_ANSWER, m->answer.text,
		       m->answer.len);
	row_set_number(&u->rows, row, IDEMPOTENCY_CREATED_AT, u->now_ms);
}
