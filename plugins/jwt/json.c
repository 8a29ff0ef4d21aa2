/* SPDX-License-Identifier: Apache-2.0 */
/* json - see json.h. */
#include "json.h"

#include <string.h>

#define JSON_DEPTH_MAX 8

/* Looked at before the parser, which recurses, sees the text. */
static bool json_is_deep(const char *text, size_t len)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			quoted = !quoted;
		else if (quoted)
			i += text[i] == '\\';
		else if (text[i] == '{' || text[i] == '[')
			depth++;
		else if (text[i] == '}' || text[i] == ']')
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return true;
	}
	return false;
}

json_t *jwt_json_load(const char *text, size_t len, const char *what,
		      struct gantry_error *err)
{
	json_error_t why;
	json_t *json;

	if (json_is_deep(text, len)) {
		gantry_fail(err, "%s: deeper than %d levels", what,
			    JSON_DEPTH_MAX);
		return NULL;
	}
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (json == NULL) {
		bool twice = json_error_code(&why) == json_error_duplicate_key;

		gantry_fail(err, "%s: %s", what,
			    twice ? "a member stands twice" : "not JSON");
	} else if (!json_is_object(json)) {
		gantry_fail(err, "%s: not a JSON object", what);
		json_decref(json);
		json = NULL;
	}
	return json;
}

bool jwt_json_is(const json_t *string, const char *text)
{
	size_t len = strlen(text);

	return json_is_string(string) && json_string_length(string) == len &&
	       memcmp(json_string_value(string), text, len) == 0;
}
