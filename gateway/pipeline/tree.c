/* SPDX-License-Identifier: Apache-2.0 */
/* tree - see tree.h. */
#include "gateway/pipeline/tree.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

bool tree_is_deep(const char *text, size_t len)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (quoted) {
			if (c == '\\')
				i++;
			quoted = c != '"';
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth > TREE_DEPTH)
				return true;
		} else if (c == '}' || c == ']') {
			depth -= depth > 0;
		}
	}
	return false;
}

/* What of a long text the parser has not had. */
struct tree_rest {
	const char *text;
	size_t len, since;
};

static size_t tree_feed(void *buffer, size_t size, void *data)
{
	struct tree_rest *rest = data;
	size_t n = size < rest->len ? size : rest->len;

	memcpy(buffer, rest->text, n);
	rest->text += n;
	rest->len -= n;
	rest->since += n;
	if (rest->since >= TREE_STRIDE) {
		rest->since = 0;
		sched_yield();
	}
	return n;
}

json_t *tree_load(const char *text, size_t len, size_t flags, json_error_t *where)
{
	struct tree_rest rest = { .text = text, .len = len };

	if (tree_is_deep(text, len)) {
		if (where != NULL) {
			*where = (json_error_t){ .line = 0 };
			snprintf(where->text, sizeof(where->text),
				 "nested deeper than %d", TREE_DEPTH);
		}
		return NULL;
	}
	flags |= JSON_REJECT_DUPLICATES;
	return len <= TREE_STRIDE ? json_loadb(text, len, flags, where) :
				    json_load_callback(tree_feed, &rest, flags, where);
}
