/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error - the core's side of gantry/error.h: what a struct gantry_error holds.
 *
 * Lives on the stack or in an arena; no allocation but the details text, which
 * error_fini() frees.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <gantry/error.h>

struct gantry_error {
	const char *code;	/* NULL: none yet; points into code_text */
	enum gantry_dependency dependency;
	bool permanent;		/* trying again is in vain, whoever fails by it */
	int64_t wait_ms;	/* before trying again; 0: not known */
	char message[512];
	char code_text[64];
	char *details;		/* JSON text or NULL; malloc */
	size_t details_len;
	size_t problems;	/* in details, while it is a list in the making */
};

#define ERROR_INIT { 0 }

void error_init(struct gantry_error *err);
void error_fini(struct gantry_error *err);
/* Forget everything; what error_fini() frees is freed. */
void error_reset(struct gantry_error *err);

/* gantry_fail() with a code of D9 and a dependency; returns -1. */
int error_set(struct gantry_error *err, const char *code,
	      const char *format, ...) __attribute__((format(printf, 3, 4)));
int error_depends(struct gantry_error *err, enum gantry_dependency on,
		  const char *format, ...) __attribute__((format(printf, 3, 4)));
int error_vdepends(struct gantry_error *err, enum gantry_dependency on,
		   const char *format, va_list ap) __attribute__((format(printf, 3, 0)));
/* Put "prefix: " before the message, where the noun changes; returns -1. */
int error_prefix(struct gantry_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Details as JSON text of len bytes, copied. */
void error_details_text(struct gantry_error *err, const char *json, size_t len);
/* Details for an answer: closes the list of problems. NULL if none. */
const char *error_details(const struct gantry_error *err);

#endif
