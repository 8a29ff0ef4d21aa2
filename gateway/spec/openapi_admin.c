/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_admin - see spec.h: the admin listener as a document. What there is,
 * and who may, comes from the table by which requests are told apart; actions
 * are routes of the configuration.
 */
#include <string.h>

#include "gateway/admin/describe.h"
#include "gateway/admin/paths.h"
#include "gateway/spec/private.h"

#define OPENAPI_ADMIN_ROLE "gantry-admin"
#define OPENAPI_ADMIN_SESSION "session"

static void openapi_admin_need(json_t *list, const char *scheme, const char *right)
{
	json_array_append_new(list, json_pack("{s[s]}", scheme, OPENAPI_ADMIN_ROLE));
	json_array_append_new(list, json_pack("{s[s]}", scheme, right));
}

/* Every auth of the configuration will do, as the admin listener has it. */
static json_t *openapi_admin_needs(struct spec *s, const char *right)
{
	const struct graph *graph = s->source->graph;
	json_t *list = right != NULL ? json_array() : NULL;

	for (unsigned i = 0; right != NULL && i < graph->n_instances; i++)
		if (graph->instances[i]->plugin->auth != NULL)
			openapi_admin_need(list, graph->instances[i]->name, right);
	if (right != NULL)
		openapi_admin_need(list, OPENAPI_ADMIN_SESSION, right);
	return list;
}

static void openapi_admin_headers(struct openapi *o, struct operation *op)
{
	const char *name;
	json_t *header;

	json_object_foreach(o->headers, name, header)
		json_object_set_new(op->headers, name, json_pack("{ss}", "$ref",
			arena_format(&o->spec.arena, "#/components/headers/%s", name)));
}

static int openapi_admin_end(struct openapi *o, struct operation *op, int result)
{
	if (result == 0)
		result = openapi_add(o, op);
	operation_fini(op);
	return result;
}

static int openapi_admin_path(struct openapi *o, const struct admin_path *path)
{
	const char *method = openapi_lower(&o->spec, path->method);
	const char *text = describe_operation(path->method, path->path);
	struct operation op = {
		.method = method, .path = path->path, .summary = path->summary,
		.id = openapi_id(o, arena_format(&o->spec.arena, "%s%s", method,
						 path->path + strlen("/admin/api"))),
		.security = openapi_admin_needs(&o->spec, path->right),
	};

	operation_init(&op);
	openapi_admin_headers(o, &op);
	answers_add(&op.answers, "FORBIDDEN", false);
	if (text == NULL)
		return openapi_admin_end(o, &op, gantry_fail(
			o->spec.err, "%s %s: nobody has described it", path->method,
			path->path));
	return openapi_admin_end(o, &op, operation_take(&o->spec, &op, NULL, path->path,
							text));
}

static int openapi_admin_steps(struct openapi *o, struct operation *op,
			       const struct route *r)
{
	for (unsigned i = 0; i < r->n_steps; i++) {
		const struct route_step *step = &r->steps[i];
		const char *where = arena_format(&o->spec.arena, "%s.%s: operation",
						 step->instance->name,
						 step->handler->name);

		op->summary = step->handler->summary;
		if (operation_take(&o->spec, op, step->instance, where,
				   step->handler->operation) < 0)
			return -1;
	}
	return 0;
}

/* An action of the configuration: body and answer are its pipeline's. */
static int openapi_admin_action(struct openapi *o, const struct route *r,
				const char *method, const char *path)
{
	const char *right = r->looks ? "gantry-admin:view" : "gantry-admin:edit";
	struct operation op = {
		.method = method, .path = path,
		.id = openapi_id(o, arena_format(&o->spec.arena, "%s/%s", method, r->action)),
		.security = openapi_admin_needs(&o->spec, right),
		.keyed = strcmp(method, "post") == 0,
	};

	operation_init(&op);
	op.answers.kept = op.keyed;
	openapi_admin_headers(o, &op);
	return openapi_admin_end(o, &op, openapi_admin_steps(o, &op, r));
}

/* The same at a path of its own, if it only looks and its name has a dot. */
static int openapi_admin_actions(struct openapi *o, const struct route *r)
{
	char *name = arena_text(&o->spec.arena, r->action), *dot = strchr(name, '.');
	const char *path = arena_format(&o->spec.arena, "/admin/api/actions/%s", name);

	if (openapi_admin_action(o, r, "post", path) < 0)
		return -1;
	if (!r->looks || dot == NULL)
		return 0;
	*dot = '/';
	path = arena_format(&o->spec.arena, "/admin/api/%s", name);
	return openapi_admin_action(o, r, "get", path);
}

/* A page of the listener's own: no message, so no error of the engine. */
static int openapi_admin_page(struct openapi *o, const struct describe_page *page)
{
	struct operation op = {
		.method = "get", .path = page->path, .bare = true, .summary = page->summary,
		.id = openapi_id(o, arena_format(&o->spec.arena, "get%s", page->path)),
	};

	operation_init(&op);
	openapi_admin_headers(o, &op);
	return openapi_admin_end(o, &op, operation_take(&o->spec, &op, NULL, page->path,
							page->operation));
}

static int openapi_admin_paths(struct openapi *o)
{
	const struct graph *graph = o->spec.source->graph;
	json_t *schemas = describe_own(describe_schemas);
	int result = schemas_add(&o->spec, "admin", schemas);

	json_decref(schemas);
	for (size_t i = 0; result == 0 && admin_paths[i].method != NULL; i++)
		result = openapi_admin_path(o, &admin_paths[i]);
	for (unsigned i = 0; result == 0 && i < graph->n_routes; i++)
		if (graph->routes[i]->source == GANTRY_SOURCE_ADMIN)
			result = openapi_admin_actions(o, graph->routes[i]);
	for (size_t i = 0; result == 0 && describe_pages[i].path != NULL; i++)
		result = openapi_admin_page(o, &describe_pages[i]);
	return result;
}

json_t *spec_openapi_admin(const struct spec_source *source, struct gantry_error *err)
{
	const struct config_admin *admin = &source->config->admin;
	struct openapi o = { .headers = describe_own(describe_headers) };
	json_t *document = NULL;

	openapi_begin(&o);
	o.schemes = json_pack("{so}", OPENAPI_ADMIN_SESSION, describe_own(describe_session_scheme));
	if (spec_begin(&o.spec, source, err) == 0 && openapi_admin_paths(&o) == 0)
		document = openapi_document(
			&o, arena_format(&o.spec.arena, "%s: admin", source->config->service),
			openapi_servers(&o.spec, admin->listen, admin->cert_file != NULL));
	openapi_end(&o);
	return document;
}

int openapi_health(struct openapi *o)
{
	json_t *schemas = describe_own(describe_schemas);
	int result = schemas_add(&o->spec, "admin", schemas);

	json_decref(schemas);
	return result == 0 ? openapi_admin_page(o, &describe_health) : -1;
}
