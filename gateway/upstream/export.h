/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export - one POST after the other to one address, for a thread that can wait. It
 * knows nothing of what it sends.
 */
#ifndef UPSTREAM_EXPORT_H
#define UPSTREAM_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gantry_error;

#define EXPORT_ANSWER 4096

struct export_options {
	const char *url;		/* whole, http or https */
	const char *content_type;
	const char *headers_file;	/* "Name: value" on each line, a secret
					   (D35); NULL: none */
	const char *ca_file;		/* NULL: those of the system */
	int64_t timeout_ms;		/* of a POST */
};

struct export_answer {
	int status;			/* 0: there is none */
	int64_t after_ms;		/* Retry-After; 0: not said */
	char body[EXPORT_ANSWER];	/* its beginning, as text */
	size_t len;
	char text[256];			/* no answer: why */
};

struct export;

/* NULL with err: the file of headers cannot be read, or has something else in
   it. Main thread. */
struct export *export_new(const struct export_options *options,
			  struct gantry_error *err);
void export_free(struct export **export);

/* Waits for the answer. One thread. */
void export_post(struct export *export, const char *body, size_t len,
		 struct export_answer *out);

/* From this time on (steady clock) a POST breaks off, also one under way, within
   a second. Any thread. */
void export_end_at(struct export *export, int64_t end_ns);

#endif
