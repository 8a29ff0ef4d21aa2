/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire - numbers and texts one after the other, for frames between processes.
 *
 * Who reads trusts nothing: what does not fit makes the eye bad, and all that is
 * read from then on is 0 or NULL. Texts are not copied; they live as long as the
 * bytes.
 */
#ifndef ISOLATE_WIRE_H
#define ISOLATE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame is its length as 4 bytes, and so many bytes. */
#define WIRE_MAX (64u << 20)

struct wire_pen {
	char *bytes;		/* malloc */
	size_t len, room;
};

struct wire_eye {
	const char *next, *end;
	bool bad;
};

/* Empty, with room for the frame's length; what it had is kept for the next. */
void wire_begin(struct wire_pen *pen);
void wire_fini(struct wire_pen *pen);
void wire_put(struct wire_pen *pen, int64_t number);
/* NULL stays NULL. */
void wire_put_text_n(struct wire_pen *pen, const char *text, size_t len);
void wire_put_text(struct wire_pen *pen, const char *text);

int64_t wire_get(struct wire_eye *eye);
/* A number from min to max; else the eye is bad and min comes back. */
int64_t wire_get_in(struct wire_eye *eye, int64_t min, int64_t max);
/* Ends with NUL behind its len; may hold NUL. */
const char *wire_get_text_n(struct wire_eye *eye, size_t *len_out);
/* Holds no NUL. */
const char *wire_get_text(struct wire_eye *eye);
/* The same, not NULL. */
const char *wire_get_some(struct wire_eye *eye);

/*
 * Write a whole frame, or read one into malloc memory; until then, steady ms.
 * 0, -1 with errno: ETIMEDOUT, EPIPE when the other end is gone, EBADMSG for a
 * frame of more than WIRE_MAX.
 */
int wire_send(int fd, struct wire_pen *pen, int64_t until_ms);
int wire_receive(int fd, char **bytes_out, size_t *len_out, int64_t until_ms);

#endif
