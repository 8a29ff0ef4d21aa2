/* SPDX-License-Identifier: Apache-2.0 */
/* error - see error.h and gantry/error.h. */
#include "gateway/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/memory.h"
#include "gateway/base/writer.h"

#define ERROR_MAX_PROBLEMS 64
#define ERROR_MAX_DETAILS 4096

void error_init(struct gantry_error *err)
{
	*err = (struct gantry_error)ERROR_INIT;
}

void error_fini(struct gantry_error *err)
{
	free(err->details);
	err->details = NULL;
}

void error_reset(struct gantry_error *err)
{
	error_fini(err);
	error_init(err);
}

/* As much as there is room for. */
static void error_copy(char *to, size_t room, const char *from)
{
	size_t len = strnlen(from, room - 1);

	memmove(to, from, len);
	to[len] = '\0';
}

static void error_message(struct gantry_error *err, const char *format,
			  va_list ap)
{
	/* what was said elsewhere, as it is: many are refused by one breaker */
	if (strcmp(format, "%s") == 0)
		error_copy(err->message, sizeof(err->message), va_arg(ap, const char *));
	else
		vsnprintf(err->message, sizeof(err->message), format, ap);
}

static void error_code(struct gantry_error *err, const char *code)
{
	error_copy(err->code_text, sizeof(err->code_text), code);
	err->code = err->code_text;
}

int gantry_fail(struct gantry_error *err, const char *format, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, format);
	error_message(err, format, ap);
	va_end(ap);
	return -1;
}

int error_set(struct gantry_error *err, const char *code, const char *format, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	error_code(err, code);
	va_start(ap, format);
	error_message(err, format, ap);
	va_end(ap);
	return -1;
}

int error_vdepends(struct gantry_error *err, enum gantry_dependency on,
		   const char *format, va_list ap)
{
	if (err == NULL)
		return -1;
	err->dependency = on;
	error_message(err, format, ap);
	return -1;
}

int error_depends(struct gantry_error *err, enum gantry_dependency on,
		  const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	error_vdepends(err, on, format, ap);
	va_end(ap);
	return -1;
}

int error_prefix(struct gantry_error *err, const char *format, ...)
{
	struct arena a = { 0 };
	const char *prefix;
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, format);
	prefix = arena_vformat(&a, format, ap);
	va_end(ap);
	gantry_fail(err, "%s: %s", prefix, arena_text(&a, err->message));
	arena_fini(&a);
	return -1;
}

void error_details_text(struct gantry_error *err, const char *json, size_t len)
{
	if (err == NULL)
		return;
	free(err->details);
	err->details = memory_text_n(json, len);
	err->details_len = len;
	err->problems = 0;
}

/* The list stays valid JSON after each problem. */
static void error_append(struct gantry_error *err, const char *item, size_t n)
{
	bool first = err->problems == 0;
	size_t at = first ? 1 : err->details_len - 1;

	if (at + n + 3 > ERROR_MAX_DETAILS)
		return;
	err->details = memory_grow(err->details, at + n + 3, 1);
	err->details[0] = '[';
	if (!first)
		err->details[at++] = ',';
	memcpy(err->details + at, item, n);
	memcpy(err->details + at + n, "]", 2);
	err->details_len = at + n + 1;
}

int gantry_problem(struct gantry_error *err, const char *field,
		   const char *format, ...)
{
	struct arena arena = { 0 };
	struct writer w;
	va_list ap;
	size_t n;
	const char *item;

	if (err == NULL || err->problems >= ERROR_MAX_PROBLEMS)
		return -1;
	writer_init(&w, &arena, 256);
	writer_object(&w, NULL);
	writer_text(&w, "field", field);
	va_start(ap, format);
	writer_text(&w, "problem", arena_vformat(&arena, format, ap));
	va_end(ap);
	writer_end(&w);
	item = writer_done(&w, &n);
	error_append(err, item, n);
	err->problems++;
	arena_fini(&arena);
	return -1;
}

bool gantry_failed(const struct gantry_error *err)
{
	return err != NULL && err->message[0] != '\0';
}

size_t gantry_problems(const struct gantry_error *err)
{
	return err == NULL ? 0 : err->problems;
}

int gantry_details(struct gantry_error *err, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	if (text != NULL && strlen(text) <= ERROR_MAX_DETAILS)
		error_details_text(err, text, strlen(text));
	free(text);
	return -1;
}

const char *error_details(const struct gantry_error *err)
{
	return err->details;
}

enum gantry_verdict gantry_reject(struct gantry_error *err, const char *code)
{
	if (err != NULL)
		error_code(err, code);
	return GANTRY_REJECTED;
}

enum gantry_verdict gantry_retry(struct gantry_error *err, const char *code)
{
	if (err != NULL)
		error_code(err, code);
	return GANTRY_FAILED;
}
