/* SPDX-License-Identifier: Apache-2.0 */
/* guard - see guard.h. */
#include "gateway/source/http/guard.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	size_t len;
} guard_names[GUARD_KNOWN] = {
	[GUARD_HOST] = { "Host", 4 },
	[GUARD_CONTENT_LENGTH] = { "Content-Length", 14 },
	[GUARD_TRANSFER_ENCODING] = { "Transfer-Encoding", 17 },
	[GUARD_AUTHORIZATION] = { "Authorization", 13 },
	[GUARD_CONTENT_TYPE] = { "Content-Type", 12 },
	[GUARD_IDEMPOTENCY_KEY] = { "Idempotency-Key", 15 },
	[GUARD_CORRELATION_ID] = { "X-Correlation-ID", 16 },
	[GUARD_TRACEPARENT] = { "traceparent", 11 },
};

/* The first reason stays: it is what the client sent first. */
static void guard_refuse(struct guard *g, const char *code, const char *message)
{
	if (g->code != NULL)
		return;
	g->code = code;
	g->message = message;
}

static void guard_invalid(struct guard *g, const char *message)
{
	guard_refuse(g, "VALIDATION_ERROR", message);
}

static bool guard_is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';

		if (!plain && (c <= ' ' || c >= 0x7f ||
			       strchr("\"(),/:;<=>?@[\\]{}", c) != NULL))
			return false;
	}
	return len > 0;
}

static bool guard_are_printed(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/*
 * Tokens are long and on each request, so eight bytes at a time: a borrow into
 * the highest bit of one says that it may be below a space, or 0x7f.
 */
static bool guard_is_value(const char *text, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	size_t i = 0;

	for (; i + sizeof(uint64_t) <= len; i += sizeof(uint64_t)) {
		uint64_t eight, delete;

		memcpy(&eight, text + i, sizeof(eight));
		delete = eight ^ ones * 0x7f;
		if ((((eight - ones * ' ') & ~eight) | ((delete - ones) & ~delete)) & high &&
		    !guard_are_printed(text + i, sizeof(eight)))
			return false;
	}
	return guard_are_printed(text + i, len - i);
}

/* host[:port]; what else could stand there belongs to another request. */
static bool guard_is_host(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= ' ' || c >= 0x7f || strchr("\"#,/<>?@\\^`{|}", c) != NULL)
			return false;
	}
	return true;
}

void guard_begin(struct guard *g, const char *method, const char *version)
{
	*g = (struct guard){ 0 };
	g->http_1_1 = strcmp(version, "HTTP/1.1") == 0;
	if (!g->http_1_1 && strcmp(version, "HTTP/1.0") != 0)
		guard_invalid(g, "the request is not HTTP/1.1 or HTTP/1.0");
	if (!guard_is_token(method, strlen(method)))
		guard_invalid(g, "the method is not a token");
}

static void guard_know(struct guard *g, const char *name, size_t len,
		       const char *value, size_t value_len)
{
	for (int i = 0; i < GUARD_KNOWN; i++) {
		if (guard_names[i].len != len ||
		    strncasecmp(guard_names[i].name, name, len) != 0)
			continue;
		if (g->times[i]++ == 0) {
			g->known[i] = value;
			g->known_len[i] = value_len;
		}
		return;
	}
}

void guard_header(struct guard *g, const char *name, size_t name_len,
		  const char *value, size_t value_len)
{
	g->n_headers++;
	g->bytes += name_len + value_len + 4;
	if (g->n_headers > GUARD_MAX_HEADERS)
		guard_refuse(g, "HEADERS_TOO_LARGE", "too many header lines");
	if (!guard_is_token(name, name_len))
		guard_invalid(g, "a header name is not a token");
	if (!guard_is_value(value, value_len))
		guard_invalid(g, "a header value holds a control character");
	guard_know(g, name, name_len, value, value_len);
}

static void guard_check_once(struct guard *g)
{
	/* the last two are ignored or replaced instead (D14) */
	for (int i = 0; i <= GUARD_IDEMPOTENCY_KEY; i++)
		if (g->times[i] > 1)
			guard_invalid(g, "a header that may stand once stands "
					 "more than once");
	if (g->times[GUARD_HOST] == 0 && g->http_1_1)
		guard_invalid(g, "the Host header is missing");
	if (g->times[GUARD_HOST] > 0 &&
	    !guard_is_host(g->known[GUARD_HOST], g->known_len[GUARD_HOST]))
		guard_invalid(g, "the Host header is not a host");
}

static int64_t guard_chunked(struct guard *g)
{
	if (!g->http_1_1)
		guard_invalid(g, "Transfer-Encoding in HTTP/1.0");
	if (g->times[GUARD_CONTENT_LENGTH] > 0)
		guard_invalid(g, "Content-Length and Transfer-Encoding "
				 "exclude each other");
	if (g->known_len[GUARD_TRANSFER_ENCODING] != 7 ||
	    strncasecmp(g->known[GUARD_TRANSFER_ENCODING], "chunked", 7) != 0)
		guard_invalid(g, "the transfer coding is not \"chunked\"");
	return -1;
}

static int64_t guard_length(struct guard *g, int64_t max_body)
{
	const char *text = g->known[GUARD_CONTENT_LENGTH];
	size_t len = g->known_len[GUARD_CONTENT_LENGTH];
	int64_t length = 0;

	if (len == 0 || strspn(text, "0123456789") < len) {
		guard_invalid(g, "the Content-Length is not a number");
		return 0;
	}
	for (size_t i = 0; i < len && length <= max_body; i++)
		length = length * 10 + (text[i] - '0');
	if (length > max_body)
		guard_refuse(g, "PAYLOAD_TOO_LARGE", NULL);
	return length;
}

bool guard_end(struct guard *g, int64_t max_body, int64_t *length_out)
{
	int64_t length = 0;

	guard_check_once(g);
	if (g->times[GUARD_TRANSFER_ENCODING] > 0)
		length = guard_chunked(g);
	else if (g->times[GUARD_CONTENT_LENGTH] > 0)
		length = guard_length(g, max_body);
	if (g->code != NULL)
		return false;
	*length_out = length;
	return true;
}

static const char *guard_skip_space(const char *p)
{
	return p + strspn(p, " \t");
}

/* One ";name=value" of which charset may only be utf-8; NULL if it is bad. */
static const char *guard_parameter(const char *p)
{
	size_t name_len, len;
	const char *name;
	bool quoted;

	name = guard_skip_space(p + 1);
	name_len = strcspn(name, "=; \t");
	p = name + name_len;
	if (name_len == 0)
		return *p == ';' || *p == '\0' ? p : NULL;
	if (*p++ != '=')
		return NULL;
	quoted = *p == '"';
	p += quoted;
	len = strcspn(p, quoted ? "\"" : "; \t");
	if (quoted && p[len] != '"')
		return NULL;
	if (name_len == 7 && strncasecmp(name, "charset", 7) == 0 &&
	    (len != 5 || strncasecmp(p, "utf-8", 5) != 0))
		return NULL;
	return guard_skip_space(p + len + quoted);
}

bool guard_is_json(const char *type)
{
	const char *p = guard_skip_space(type);

	if (strncasecmp(p, "application/json", 16) != 0)
		return false;
	p = guard_skip_space(p + 16);
	while (p != NULL && *p == ';')
		p = guard_parameter(p);
	return p != NULL && *p == '\0';
}
