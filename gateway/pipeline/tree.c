/* SPDX-License-Identifier: Apache-2.0 */
/* tree - see tree.h. */
#include "gateway/pipeline/tree.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/thread.h"

/* How deep a text is at some place in it, told without recursion. */
struct tree_place {
	unsigned depth;
	bool quoted, escaped;
};

/* Whether these bytes come to be too deep. */
static bool tree_goes_deep(struct tree_place *at, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = bytes[i];

		if (at->quoted) {
			at->quoted = c != '"' || at->escaped;
			at->escaped = c == '\\' && !at->escaped;
		} else if (c == '"') {
			at->quoted = true;
		} else if (c == '{' || c == '[') {
			if (++at->depth > TREE_DEPTH)
				return true;
		} else if (c == '}' || c == ']') {
			at->depth -= at->depth > 0;
		}
	}
	return false;
}

/* What of a long text the parser has not had. */
struct tree_rest {
	const char *text;
	size_t len, since;
	struct tree_place place;
	bool deep;
};

/* A parser that recurses sees nothing that was not looked at. */
static size_t tree_feed(void *buffer, size_t size, void *data)
{
	struct tree_rest *rest = data;
	size_t n = size < rest->len ? size : rest->len;

	rest->deep = tree_goes_deep(&rest->place, rest->text, n);
	if (rest->deep)
		return (size_t)-1;
	memcpy(buffer, rest->text, n);
	rest->text += n;
	rest->len -= n;
	rest->since += n;
	if (rest->since >= TREE_STRIDE) {
		rest->since = 0;
		thread_give_way();
	}
	return n;
}

json_t *tree_load(const char *text, size_t len, size_t flags, json_error_t *where)
{
	struct tree_rest rest = { .text = text, .len = len };
	json_t *tree = NULL;

	flags |= JSON_REJECT_DUPLICATES;
	if (len > TREE_STRIDE)
		tree = json_load_callback(tree_feed, &rest, flags, where);
	else if (!(rest.deep = tree_goes_deep(&rest.place, text, len)))
		tree = json_loadb(text, len, flags, where);
	if (rest.deep && where != NULL) {
		*where = (json_error_t){ .line = 0 };
		snprintf(where->text, sizeof(where->text), "nested deeper than %d",
			 TREE_DEPTH);
	}
	return tree;
}
