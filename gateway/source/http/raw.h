/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw - what libmicrohttpd 0.9.75 hides of a head.
 *
 * That version ends the head at an empty header name, cuts values at NUL and
 * joins folded lines to new names, and tells nobody. But it cuts lines apart
 * in place: the colon becomes a NUL and each CR LF two, and the pointers it
 * gives out lead into that memory. So a walk over the head as it lies there
 * sees whether the lines given out are all there is, end to end. Pure; used
 * for exactly that version, since others keep the head in other ways.
 */
#ifndef SOURCE_HTTP_RAW_H
#define SOURCE_HTTP_RAW_H

#include <stdbool.h>
#include <stddef.h>

struct raw {
	const char *at, *end;	/* where the next line must begin; end of head */
	bool fits;		/* so far */
};

/*
 * method, target and version as given out; the head is head_len bytes from
 * method on. target_len: of the target before its arguments were cut apart.
 */
void raw_begin(struct raw *raw, const char *method, const char *target,
	       size_t target_len, const char *version, size_t head_len);
void raw_line(struct raw *raw, const char *name, const char *value);
/* Whether the head holds these lines and nothing else. */
bool raw_end(const struct raw *raw);

#endif
