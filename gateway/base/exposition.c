/* SPDX-License-Identifier: Apache-2.0 */
/* exposition - see exposition.h. */
#include "gateway/base/exposition.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/utf8.h"

static char *exposition_room(struct exposition *x, size_t n)
{
	size_t room = x->room;

	while (room < x->len + n)
		room *= 2;
	if (room > x->room) {
		x->text = arena_extend(x->arena, x->text, x->room, room);
		x->room = room;
	}
	return x->text + x->len;
}

static void exposition_put_n(struct exposition *x, const char *text, size_t n)
{
	memcpy(exposition_room(x, n), text, n);
	x->len += n;
}

static void exposition_put(struct exposition *x, const char *text)
{
	exposition_put_n(x, text, strlen(text));
}

void exposition_init(struct exposition *x, struct arena *arena)
{
	*x = (struct exposition){ .arena = arena, .room = 4096 };
	x->text = arena_alloc(arena, x->room);
}

void exposition_family(struct exposition *x, const char *name,
		       enum exposition_kind kind, const char *help)
{
	static const char *const kinds[] = {
		[EXPOSITION_COUNTER] = " counter\n",
		[EXPOSITION_GAUGE] = " gauge\n",
		[EXPOSITION_HISTOGRAM] = " histogram\n",
	};

	x->family = name;
	exposition_put(x, "# HELP ");
	exposition_put(x, name);
	exposition_put(x, " ");
	exposition_put(x, help);
	exposition_put(x, "\n# TYPE ");
	exposition_put(x, name);
	exposition_put(x, kinds[kind]);
}

/* Some values come from outside: what is not UTF-8 would cost the whole page. */
static void exposition_value(struct exposition *x, const char *text)
{
	size_t len = strlen(text), n;
	char *p = exposition_room(x, 3 * len + 2), *begin = p;

	*p++ = '"';
	for (; len > 0; text += n, len -= n) {
		n = utf8_length(text, len);
		if (n == 0) {
			memcpy(p, "\xef\xbf\xbd", 3);
			p += 3;
			n = 1;
		} else if (*text == '"' || *text == '\\' || *text == '\n') {
			*p++ = '\\';
			*p++ = *text == '\n' ? 'n' : *text;
		} else {
			memcpy(p, text, n);
			p += n;
		}
	}
	*p++ = '"';
	x->len += (size_t)(p - begin);
}

static void exposition_labels(struct exposition *x, const struct exposition_label *labels,
			      unsigned n)
{
	const char *before = "{";

	for (unsigned i = 0; i < n; i++) {
		if (labels[i].name == NULL)
			continue;
		exposition_put(x, before);
		exposition_put(x, labels[i].name);
		exposition_put(x, "=");
		exposition_value(x, labels[i].value);
		before = ",";
	}
	if (*before == ',')
		exposition_put(x, "}");
}

size_t exposition_decimal(char *text, uint64_t number, unsigned decimals)
{
	char digits[EXPOSITION_DECIMAL], *end = digits + sizeof(digits), *p = end;

	assert(decimals <= 9);
	while (decimals > 0 && number % 10 == 0) {
		number /= 10;
		decimals--;
	}
	do {
		*--p = (char)('0' + number % 10);
		number /= 10;
		if (decimals > 0 && --decimals == 0) {
			*--p = '.';
			if (number == 0)
				*--p = '0';
		}
	} while (number > 0 || decimals > 0);
	memcpy(text, p, (size_t)(end - p));
	text[end - p] = '\0';
	return (size_t)(end - p);
}

void exposition_sample(struct exposition *x, const char *suffix,
		       const struct exposition_label *labels, unsigned n_labels,
		       uint64_t number, unsigned decimals)
{
	char text[EXPOSITION_DECIMAL];
	size_t n = exposition_decimal(text, number, decimals);

	assert(x->family != NULL);
	exposition_put(x, x->family);
	exposition_put(x, suffix);
	exposition_labels(x, labels, n_labels);
	exposition_put(x, " ");
	text[n++] = '\n';
	exposition_put_n(x, text, n);
}

void exposition_gauge(struct exposition *x, const char *name, const char *help,
		      uint64_t number, unsigned decimals)
{
	exposition_family(x, name, EXPOSITION_GAUGE, help);
	exposition_sample(x, "", NULL, 0, number, decimals);
}

void exposition_counter(struct exposition *x, const char *name, const char *help,
			uint64_t number, unsigned decimals)
{
	exposition_family(x, name, EXPOSITION_COUNTER, help);
	exposition_sample(x, "", NULL, 0, number, decimals);
}

const char *exposition_done(struct exposition *x, size_t *len_out)
{
	*exposition_room(x, 1) = '\0';
	*len_out = x->len;
	return x->text;
}
