/* SPDX-License-Identifier: Apache-2.0 */
/* template - see template.h. */
#include "template.h"

#include <string.h>

int template_check(const char *option, const char *text, struct gantry_error *err)
{
	const char *open, *close;

	for (; (open = strpbrk(text, "{}")) != NULL; text = close + 1) {
		close = *open == '{' ? strpbrk(open + 1, "{}") : NULL;
		if (close == NULL || *close != '}' || close == open + 1)
			return gantry_fail(err, "%s: not a template: \"%s\"; "
					   "braces hold a name, as in {key}",
					   option, open);
	}
	return 0;
}

/* The member that a path such as payload.region names, or NULL. */
static const json_t *template_member(struct gantry_message *m, const json_t *body,
				     const char *path)
{
	const char *dot;

	for (; (dot = strchr(path, '.')) != NULL; path = dot + 1)
		body = json_object_get(body, gantry_format(m, "%.*s",
							   (int)(dot - path), path));
	return json_object_get(body, path);
}

/* What {name} stands for, or NULL with a problem. */
static const char *template_value(struct gantry_message *m, const char *name,
				  const json_t *body, struct gantry_error *err)
{
	const json_t *member;

	if (strcmp(name, "key") == 0)
		return gantry_path(m);
	if (strcmp(name, "id") == 0)
		return gantry_id(m);
	member = template_member(m, body, name);
	if (json_is_string(member) &&
	    gantry_is_text(json_string_value(member), json_string_length(member),
			   TEMPLATE_MAX))
		return json_string_value(member);
	if (json_is_integer(member))
		return gantry_format(m, "%" JSON_INTEGER_FORMAT,
				     json_integer_value(member));
	gantry_problem(err, name, member == NULL ?
		       "is missing, but is needed to publish" :
		       "must be a number or a text of 1 to %d bytes", TEMPLATE_MAX);
	return NULL;
}

const char *template_render(struct gantry_message *m, const char *text,
			    const json_t *body, struct gantry_error *err)
{
	const char *made = "", *open, *value;

	while ((open = strchr(text, '{')) != NULL) {
		size_t len = strcspn(open + 1, "}");
		const char *name = gantry_format(m, "%.*s", (int)len, open + 1);

		value = template_value(m, name, body, err);
		if (value == NULL)
			return NULL;
		made = gantry_format(m, "%s%.*s%s", made, (int)(open - text), text,
				     value);
		text = open + 1 + len + 1;
	}
	made = gantry_format(m, "%s%s", made, text);
	if (gantry_is_text(made, strlen(made), TEMPLATE_MAX))
		return made;
	gantry_problem(err, "", "gives no text of 1 to %d bytes to publish with",
		       TEMPLATE_MAX);
	return NULL;
}
