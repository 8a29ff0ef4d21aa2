/* SPDX-License-Identifier: Apache-2.0 */
/* writer - see writer.h. */
#include "gateway/base/writer.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/utf8.h"

static char *writer_room(struct writer *w, size_t n)
{
	if (w->len + n > w->room) {
		size_t room = w->room * 2;

		while (room < w->len + n)
			room *= 2;
		w->text = arena_extend(w->arena, w->text, w->room, room);
		w->room = room;
	}
	return w->text + w->len;
}

static void writer_put(struct writer *w, const char *text, size_t n)
{
	memcpy(writer_room(w, n), text, n);
	w->len += n;
}

void writer_init(struct writer *w, struct arena *a, size_t room)
{
	*w = (struct writer){ .arena = a };
	w->room = room < 64 ? 64 : room;
	w->text = arena_alloc(a, w->room);
}

static void writer_name(struct writer *w, const char *name)
{
	size_t n = name == NULL ? 0 : strlen(name);
	char *p = writer_room(w, n + 4);

	if (w->comma)
		*p++ = ',';
	if (name != NULL) {
		*p++ = '"';
		memcpy(p, name, n);
		p += n;
		*p++ = '"';
		*p++ = ':';
	}
	w->len = (size_t)(p - w->text);
	w->comma = true;
}

static void writer_open(struct writer *w, const char *name, char open, char close)
{
	assert(w->depth < WRITER_DEPTH);
	writer_name(w, name);
	writer_put(w, &open, 1);
	w->closer[w->depth++] = close;
	w->comma = false;
}

void writer_object(struct writer *w, const char *name)
{
	writer_open(w, name, '{', '}');
}

void writer_array(struct writer *w, const char *name)
{
	writer_open(w, name, '[', ']');
}

void writer_end(struct writer *w)
{
	assert(w->depth > 0);
	writer_put(w, &w->closer[--w->depth], 1);
	w->comma = true;
}

/* 0: as it is; 1: \u00xx; 2: UTF-8; else the letter behind the backslash. */
static const char writer_escape[256] = {
	[0 ... 7] = 1, 'b', 't', 'n', 1, 'f', 'r', [14 ... 31] = 1,
	['"'] = '"', ['\\'] = '\\', [127] = 1, [128 ... 255] = 2,
};

static char *writer_special(char *p, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char kind = writer_escape[c];

	*p++ = '\\';
	if (kind != 1) {
		*p++ = kind;
		return p;
	}
	memcpy(p, "u00", 3);
	p[3] = hex[c >> 4];
	p[4] = hex[c & 15];
	return p + 5;
}

void writer_text_n(struct writer *w, const char *name, const char *text,
		   size_t len)
{
	const char *end = text + len;
	char *p;

	writer_name(w, name);
	p = writer_room(w, 6 * len + 2);
	*p++ = '"';
	while (text < end) {
		unsigned char c = (unsigned char)*text;

		if (writer_escape[c] == 0) {
			*p++ = *text++;
		} else if (writer_escape[c] == 2) {
			size_t n = utf8_length(text, (size_t)(end - text));

			memcpy(p, n ? text : "\xef\xbf\xbd", n ? n : 3);
			p += n ? n : 3;
			text += n ? n : 1;
		} else {
			p = writer_special(p, c);
			text++;
		}
	}
	*p++ = '"';
	w->len = (size_t)(p - w->text);
}

void writer_text(struct writer *w, const char *name, const char *text)
{
	if (text == NULL)
		writer_null(w, name);
	else
		writer_text_n(w, name, text, strlen(text));
}

void writer_int(struct writer *w, const char *name, int64_t value)
{
	char digits[24], *p = digits + sizeof(digits);
	uint64_t n = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	if (value < 0)
		*--p = '-';
	writer_raw(w, name, p, (size_t)(digits + sizeof(digits) - p));
}

void writer_bool(struct writer *w, const char *name, bool value)
{
	writer_raw(w, name, value ? "true" : "false", value ? 4 : 5);
}

void writer_null(struct writer *w, const char *name)
{
	writer_raw(w, name, "null", 4);
}

void writer_time(struct writer *w, const char *name, int64_t ms)
{
	char text[CLOCK_TEXT];

	if (ms == 0) {
		writer_null(w, name);
		return;
	}
	clock_format(ms, text);
	writer_text(w, name, text);
}

void writer_raw(struct writer *w, const char *name, const char *json, size_t len)
{
	writer_name(w, name);
	writer_put(w, json, len);
}

const char *writer_done(struct writer *w, size_t *len_out)
{
	assert(w->depth == 0);
	*writer_room(w, 1) = '\0';
	if (len_out != NULL)
		*len_out = w->len;
	return w->text;
}
