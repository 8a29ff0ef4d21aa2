/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - JSON from strangers: an object, no member twice, no NUL, at most 8
 * levels deep.
 */
#ifndef JWT_JSON_H
#define JWT_JSON_H

#include <stdbool.h>

#include <gantry/error.h>

/* NULL with err, which calls the text "what"; else the caller's. */
json_t *jwt_json_load(const char *text, size_t len, const char *what,
		      struct gantry_error *err);

/* Whether a JSON string is this text, its whole length compared. */
bool jwt_json_is(const json_t *string, const char *text);

#endif
