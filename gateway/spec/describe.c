/* SPDX-License-Identifier: Apache-2.0 */
/* describe - see private.h: from the texts of plugins to trees. */
#include <assert.h>
#include <string.h>

#include "gateway/config/option.h"
#include "gateway/spec/private.h"

static const char *describe_option(struct spec *s, const struct gantry_instance *instance,
				   const char *where, const char *name)
{
	const struct gantry_option *const *o;
	const char *text;

	for (o = instance != NULL ? instance->plugin->options : NULL;
	     o != NULL && *o != NULL; o++) {
		if (strcmp((*o)->name, name) != 0)
			continue;
		/* where a secret lies is nobody's business */
		text = (*o)->type == GANTRY_TYPE_SECRET_FILE ? NULL :
			option_value(*o, instance->self, &s->arena);
		return text != NULL ? text : "";
	}
	gantry_fail(s->err, "%s: ${%s} is no option of the plugin", where, name);
	return NULL;
}

/* The text with its ${option}s filled in; NULL with err. */
static const char *describe_fill(struct spec *s, const struct gantry_instance *instance,
				 const char *where, const char *text)
{
	const char *filled = "", *open, *end, *value;

	while ((open = strstr(text, "${")) != NULL &&
	       (end = strchr(open, '}')) != NULL) {
		value = describe_option(s, instance, where,
					arena_text_n(&s->arena, open + 2,
						     (size_t)(end - open - 2)));
		if (value == NULL)
			return NULL;
		filled = arena_format(&s->arena, "%s%.*s%s", filled, (int)(open - text),
				      text, value);
		text = end + 1;
	}
	return arena_format(&s->arena, "%s%s", filled, text);
}

static int describe_walk(struct spec *s, const struct gantry_instance *instance,
			 const char *where, json_t *tree)
{
	const char *key, *text;
	json_t *value;
	size_t i;

	json_object_foreach(tree, key, value)
		if (describe_walk(s, instance, where, value) < 0)
			return -1;
	json_array_foreach(tree, i, value)
		if (describe_walk(s, instance, where, value) < 0)
			return -1;
	if (!json_is_string(tree) || strstr(json_string_value(tree), "${") == NULL)
		return 0;
	text = describe_fill(s, instance, where, json_string_value(tree));
	if (text == NULL)
		return -1;
	if (json_string_set(tree, text) < 0)
		return gantry_fail(s->err, "%s: is not UTF-8 with its options", where);
	return 0;
}

json_t *describe_parse(struct spec *s, const struct gantry_instance *instance,
		       const char *where, const char *text)
{
	json_error_t error;
	json_t *tree = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (tree == NULL) {
		gantry_fail(s->err, "%s: no JSON: %s (at byte %d)", where, error.text,
			    error.position);
		return NULL;
	}
	if (!json_is_object(tree))
		gantry_fail(s->err, "%s: must be an object", where);
	if (json_is_object(tree) && describe_walk(s, instance, where, tree) == 0)
		return tree;
	json_decref(tree);
	return NULL;
}

int describe_known(struct spec *s, const char *where, const json_t *tree,
		   const char *const *known)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)tree, key, value) {
		size_t i = 0;

		while (known[i] != NULL && strcmp(known[i], key) != 0)
			i++;
		if (known[i] == NULL)
			return gantry_fail(s->err, "%s: there is no member \"%s\"",
					   where, key);
	}
	return 0;
}

json_t *describe_own(const char *text)
{
	json_t *tree = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	assert(tree != NULL);
	return tree;
}

void spec_append_once(json_t *list, const char *text)
{
	const json_t *each;
	size_t i;

	json_array_foreach(list, i, each)
		if (strcmp(json_string_value(each), text) == 0)
			return;
	json_array_append_new(list, json_string(text));
}
