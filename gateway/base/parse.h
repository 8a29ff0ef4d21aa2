/* SPDX-License-Identifier: Apache-2.0 */
/* parse - numbers with units, as people write them in configuration. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* The whole text must fit; no sign but '-', no spaces, no other base. */
bool parse_integer(const char *text, int64_t *out);
bool parse_size(const char *text, int64_t *bytes_out);	  /* 64 16K 1M 2G */
bool parse_duration(const char *text, int64_t *ms_out);	  /* 250ms 10s 5m 24h 30d */
bool parse_boolean(const char *text, bool *out);	  /* true, false */

#endif
