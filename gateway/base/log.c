/* SPDX-License-Identifier: Apache-2.0 */
/* log - see log.h. */
#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/hash.h"
#include "gateway/base/writer.h"

#define LOG_LINE_MAX 2048
#define LOG_TRACE 33

static const char *const log_names[] = { "debug", "info", "warning", "error" };
static _Atomic int log_level = GANTRY_LOG_INFO;
static _Atomic int log_form = LOG_FORM_AUTO;
static _Atomic unsigned log_sample = 100;

void log_configure(enum log_form form, enum gantry_level level)
{
	atomic_store(&log_form, (int)form);
	atomic_store(&log_level, (int)level);
}

bool log_wants(enum gantry_level level)
{
	return (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void log_set_level(enum gantry_level level)
{
	atomic_store(&log_level, (int)level);
}

void log_set_sample(unsigned percent)
{
	atomic_store(&log_sample, percent);
}

unsigned log_sample_now(void)
{
	return atomic_load(&log_sample);
}

/* A message's lines belong together, so its id decides. */
static bool log_is_left_out(enum gantry_level level, const char *correlation_id)
{
	unsigned sample = atomic_load_explicit(&log_sample, memory_order_relaxed);

	return sample < 100 && level < GANTRY_LOG_WARNING && correlation_id != NULL &&
	       hash_bytes(correlation_id, strlen(correlation_id)) % 100 >= sample;
}

enum gantry_level log_level_now(void)
{
	return (enum gantry_level)atomic_load(&log_level);
}

static bool log_is_json(void)
{
	int form = atomic_load_explicit(&log_form, memory_order_relaxed);

	if (form == LOG_FORM_AUTO) {
		form = isatty(STDERR_FILENO) ? LOG_FORM_TEXT : LOG_FORM_JSON;
		atomic_store(&log_form, form);
	}
	return form == LOG_FORM_JSON;
}

static const char *log_json(struct arena *a, const char *time, const char *level,
			    const char *correlation, const char *trace,
			    const char *text)
{
	struct writer w;

	writer_init(&w, a, 512);
	writer_object(&w, NULL);
	writer_text(&w, "time", time);
	writer_text(&w, "level", level);
	writer_text(&w, "message", text);
	if (correlation != NULL)
		writer_text(&w, "correlationId", correlation);
	if (trace != NULL)
		writer_text(&w, "traceId", trace);
	writer_end(&w);
	return writer_done(&w, NULL);
}

/* Control characters would let a message forge lines. */
static void log_tame(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

/* The second part of a traceparent: 32 digits. */
static void log_trace(const char *traceparent, char trace[static LOG_TRACE])
{
	*trace = '\0';
	if (traceparent != NULL && strnlen(traceparent, 36) == 36)
		snprintf(trace, LOG_TRACE, "%.32s", traceparent + 3);
}

void log_line(enum gantry_level level, const char *correlation_id,
	      const char *traceparent, const char *format, ...)
{
	char text[LOG_LINE_MAX], time[CLOCK_TEXT], trace[LOG_TRACE];
	struct arena a = { 0 };
	const char *line;
	va_list ap;

	if (!log_wants(level) || log_is_left_out(level, correlation_id))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	log_tame(text);
	clock_format_ms(clock_now_ms(), time);
	log_trace(traceparent, trace);
	if (log_is_json())
		line = log_json(&a, time, log_names[level], correlation_id,
				*trace != '\0' ? trace : NULL, text);
	else
		line = arena_format(&a, "%s %-7s %s%s%s%s%s%s", time, log_names[level],
				    text, correlation_id ? " [" : "",
				    correlation_id ? correlation_id : "",
				    correlation_id && *trace != '\0' ? " " : "",
				    correlation_id ? trace : "",
				    correlation_id ? "]" : "");
	line = arena_format(&a, "%s\n", line);
	if (write(STDERR_FILENO, line, strlen(line)) < 0) {
		/* nowhere left to say it */
	}
	arena_fini(&a);
}
