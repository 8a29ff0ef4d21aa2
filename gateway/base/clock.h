/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - times as milliseconds since 1970 UTC, and their text (RFC 3339).
 *
 * Rules take the time as an argument; only sources, committers and logs look
 * at the clock.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT 32
/* 9999-12-31T23:59:59Z, the last time that RFC 3339 can say. */
#define CLOCK_MAX_MS INT64_C(253402300799000)

int64_t clock_now_ms(void);		/* wall clock */
int64_t clock_steady_ns(void);		/* never steps; for durations */

/* "2023-05-23T11:30:00Z" (D8), for 0 <= ms <= CLOCK_MAX_MS. */
void clock_format(int64_t ms, char text[static CLOCK_TEXT]);
/* The same with milliseconds, for logs. */
void clock_format_ms(int64_t ms, char text[static CLOCK_TEXT]);

/*
 * RFC 3339 with any offset and fraction; a fraction of a second is cut to
 * milliseconds, a leap second counts as the second before it. False if it is
 * no time or lies outside 1970 to 9999.
 */
bool clock_parse(const char *text, size_t len, int64_t *ms_out);

#endif
