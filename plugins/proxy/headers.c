/* SPDX-License-Identifier: Apache-2.0 */
/* headers - see headers.h. */
#include "headers.h"

#include <string.h>
#include <strings.h>

#define HEADERS_FOR "X-Forwarded-For"
#define HEADERS_PROTO "X-Forwarded-Proto"
#define HEADERS_HOST "X-Forwarded-Host"
/* Via and the three above. */
#define HEADERS_MORE 4

struct headers {
	struct gantry_message *m;
	const char **lines;
	size_t n;
};

/* Most are told by their first letter, and no call is needed. */
static bool headers_begins(const char *line, const char *name, size_t len)
{
	return (*line | 0x20) == (*name | 0x20) && strncasecmp(line, name, len) == 0;
}

static bool headers_is(const char *line, const char *name)
{
	size_t len = strlen(name);

	return headers_begins(line, name, len) && line[len] == ':';
}

/* Anybody can write these, and whoever is behind us would believe them. */
static bool headers_is_about_client(const char *line)
{
	return headers_begins(line, "X-Forwarded-", strlen("X-Forwarded-")) ||
	       headers_is(line, "Forwarded") || headers_is(line, "X-Real-IP");
}

/* Part by part, since it is on the way of every request. */
static const char *headers_join(struct gantry_message *m, const char *a, const char *b,
				const char *c)
{
	size_t n_a = strlen(a), n_b = strlen(b), n_c = strlen(c);
	char *text = gantry_alloc(m, n_a + n_b + n_c + 1);

	memcpy(text, a, n_a);
	memcpy(text + n_a, b, n_b);
	memcpy(text + n_a + n_b, c, n_c);
	return text;
}

static void headers_add(struct headers *h, const char *name, const char *value)
{
	h->lines[h->n++] = headers_join(h->m, name, ": ", value);
}

/* What a proxy before us said of it stays. */
static void headers_add_new(struct headers *h, const char *name, const char *value)
{
	if (value == NULL)
		return;
	for (size_t i = 0; i < h->n; i++)
		if (headers_is(h->lines[i], name))
			return;
	headers_add(h, name, value);
}

/* Several lines are one list, and many look at one line only: so one is made. */
static void headers_add_peer(struct headers *h)
{
	const char *all = gantry_peer(h->m);
	size_t kept = 0;

	for (size_t i = h->n; i-- > 0;)
		if (headers_is(h->lines[i], HEADERS_FOR))
			all = headers_join(h->m, h->lines[i] + sizeof(HEADERS_FOR ":"),
					   *all != '\0' ? ", " : "", all);
	for (size_t i = 0; i < h->n; i++)
		if (!headers_is(h->lines[i], HEADERS_FOR))
			h->lines[kept++] = h->lines[i];
	h->n = kept;
	if (*all != '\0')
		headers_add(h, HEADERS_FOR, all);
}

const char *const *headers_make(struct gantry_message *m, enum headers_forwarded how)
{
	const char *const *from = gantry_headers_to_pass(m);
	struct headers h = { .m = m };

	while (from[h.n] != NULL)
		h.n++;
	h.lines = gantry_alloc(m, (h.n + HEADERS_MORE + 1) * sizeof(*h.lines));
	for (h.n = 0; *from != NULL; from++)
		if (how == HEADERS_ADD || !headers_is_about_client(*from))
			h.lines[h.n++] = *from;
	h.lines[h.n++] = "Via: 1.1 gantry";
	if (how != HEADERS_OFF) {
		headers_add_peer(&h);
		headers_add_new(&h, HEADERS_PROTO, gantry_is_tls(m) ? "https" : "http");
		headers_add_new(&h, HEADERS_HOST, gantry_header(m, "Host"));
	}
	return h.lines;
}
