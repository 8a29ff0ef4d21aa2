/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one line per event to stderr: text on a terminal, JSON elsewhere
 * (DESIGN.md 6). No secret, token or body, ever. Any thread; a line is one
 * write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <gantry/message.h>

enum log_form { LOG_FORM_AUTO, LOG_FORM_TEXT, LOG_FORM_JSON };

void log_configure(enum log_form form, enum gantry_level level);
bool log_wants(enum gantry_level level);
/* From now on; any thread. */
void log_set_level(enum gantry_level level);
/*
 * Of 100 messages, write the lines below warning of so many: those of a message
 * all or none, by its correlation id. Lines of no message are always written.
 */
void log_set_sample(unsigned percent);
unsigned log_sample_now(void);
enum gantry_level log_level_now(void);

/* correlation_id and traceparent may be NULL; of the latter the trace's id is
   shown. */
void log_line(enum gantry_level level, const char *correlation_id,
	      const char *traceparent, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define log_info(...) log_line(GANTRY_LOG_INFO, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_line(GANTRY_LOG_WARNING, NULL, NULL, __VA_ARGS__)
#define log_error(...) log_line(GANTRY_LOG_ERROR, NULL, NULL, __VA_ARGS__)

#endif
