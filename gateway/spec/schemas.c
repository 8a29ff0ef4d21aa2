/* SPDX-License-Identifier: Apache-2.0 */
/* schemas - see private.h: names and what they mean. */
#include <string.h>

#include "gateway/spec/private.h"
#include "gateway/stock/describe.h"

#define SCHEMAS_REF "#/components/schemas/"

int schemas_add(struct spec *s, const char *where, const json_t *schemas)
{
	const char *name;
	json_t *schema, *other;

	json_object_foreach((json_t *)schemas, name, schema) {
		other = json_object_get(s->schemas, name);
		if (other != NULL && !json_equal(other, schema))
			return gantry_fail(s->err, "%s: \"%s\" is something else elsewhere",
					   where, name);
		json_object_set(s->schemas, name, schema);
	}
	return 0;
}

static int schemas_take(struct spec *s, const char *where, const char *text)
{
	json_t *tree = describe_parse(s, NULL, where, text);
	int result = tree == NULL ? -1 : schemas_add(s, where, tree);

	json_decref(tree);
	return result;
}

int spec_begin(struct spec *s, const struct spec_source *source,
	       struct gantry_error *err)
{
	const struct graph *graph = source->graph;

	*s = (struct spec){ .source = source, .err = err, .schemas = json_object() };
	if (schemas_take(s, "the core", answers_schemas) < 0 ||
	    schemas_take(s, "the stock", stock_describe_schemas) < 0)
		return -1;
	for (unsigned i = 0; i < graph->n_instances; i++) {
		const struct gantry_plugin *p = graph->instances[i]->plugin;

		if (p->schemas != NULL &&
		    schemas_take(s, arena_format(&s->arena, "%s: schemas", p->name),
				 p->schemas) < 0)
			return -1;
	}
	return 0;
}

void spec_end(struct spec *s)
{
	json_decref(s->schemas);
	arena_fini(&s->arena);
}

/* Put the names that tree refers to into used, with those behind them. */
static int schemas_walk(struct spec *s, const json_t *tree, json_t *used)
{
	const char *key, *text, *name;
	json_t *value, *schema;
	size_t i;

	json_array_foreach((json_t *)tree, i, value)
		if (schemas_walk(s, value, used) < 0)
			return -1;
	json_object_foreach((json_t *)tree, key, value) {
		if (schemas_walk(s, value, used) < 0)
			return -1;
		text = json_string_value(value);
		if (text == NULL || strcmp(key, "$ref") != 0 ||
		    strncmp(text, SCHEMAS_REF, strlen(SCHEMAS_REF)) != 0)
			continue;
		name = text + strlen(SCHEMAS_REF);
		if (json_object_get(used, name) != NULL)
			continue;
		schema = json_object_get(s->schemas, name);
		if (schema == NULL)
			return gantry_fail(s->err, "%s: nobody says what that is", text);
		json_object_set(used, name, schema);
		if (schemas_walk(s, schema, used) < 0)
			return -1;
	}
	return 0;
}

json_t *schemas_used(struct spec *s, const json_t *doc)
{
	json_t *used = json_object(), *sorted, *schema;
	const char *name;

	if (schemas_walk(s, doc, used) < 0) {
		json_decref(used);
		return NULL;
	}
	sorted = json_object();
	json_object_foreach(s->schemas, name, schema)
		if (json_object_get(used, name) != NULL)
			json_object_set(sorted, name, schema);
	json_decref(used);
	return sorted;
}
