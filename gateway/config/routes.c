/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes - see routes.h.
 *
 * The name of a route's entry is what a later file replaces it by: method and
 * path without the parameters' names; queue and bindings; the admin action;
 * for schedules the pipeline, so that another interval replaces the old one.
 */
#include "gateway/config/routes.h"

#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/base/utf8.h"
#include "gateway/config/nearest.h"
#include "gateway/config/sections.h"

struct routes_job {
	struct config_route *route;
	const struct node *node;
	struct arena *arena;
	struct problems *problems;
};

struct routes_source {
	const char *key;
	enum gantry_source source;
	int (*parse)(struct routes_job *j, const struct node *value);
	const char *keys[6];		/* that such a route may have */
};

static int routes_fail(struct routes_job *j, const struct node *at,
		       const char *key, const char *what)
{
	return problems_add(j->problems, at, "%s%s%s: %s", j->route->path,
			    *key != '\0' ? "." : "", key, what);
}

static int routes_fail_value(struct routes_job *j, const struct node *at,
			     const char *key, const char *what)
{
	return problems_add(j->problems, at, "%s.%s: %s: \"%s\"",
			    j->route->path, key, what, at->text);
}

static bool routes_is_text(const struct node *node)
{
	return node != NULL && node->kind == NODE_TEXT && *node->text != '\0';
}

static bool routes_is_method(const char *text, size_t len)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH",
					       "DELETE" };

	for (size_t i = 0; i < ARRAY_LENGTH(methods); i++)
		if (strlen(methods[i]) == len &&
		    memcmp(methods[i], text, len) == 0)
			return true;
	return false;
}

/* A literal, or {name}; a literal may hold what no path has to escape. */
static bool routes_is_segment(const char *text, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	bool parameter = len > 2 && text[0] == '{' && text[len - 1] == '}';
	const char *more = parameter ? "_" : "-._~!$&'()*+,;=:@";

	for (size_t i = parameter; i < len - parameter; i++)
		if (strchr(plain, text[i]) == NULL &&
		    strchr(more, text[i]) == NULL)
			return false;
	return len > 0;
}

static bool routes_has_twice(const char *path, const char *segment, size_t len)
{
	const char *at = path;

	for (; at + 1 < segment; at++)
		if (*at == '/' && strncmp(at + 1, segment, len) == 0 &&
		    at[1 + len] == '/')
			return true;
	return false;
}

/* What is wrong with a path, or NULL; writes it without parameters' names. */
static const char *routes_path(const char *path, char *anonymous)
{
	unsigned segments = 0, params = 0;
	const char *at = path;

	if (*path != '/')
		return "the path must begin with /";
	if (path[1] == '\0')
		strcpy(anonymous, "/");
	while (path[1] != '\0' && *at == '/') {
		size_t len = strcspn(++at, "/");
		bool parameter = *at == '{';

		if (!routes_is_segment(at, len))
			return "a part of the path is empty, or neither plain "
			       "text nor {name}";
		if (parameter && routes_has_twice(path, at, len))
			return "a parameter is there twice";
		params += parameter;
		if (++segments > ROUTES_MAX_SEGMENTS ||
		    params > ROUTES_MAX_PARAMS)
			return "more than 16 parts or 8 parameters";
		*anonymous++ = '/';
		anonymous = parameter ? mempcpy(anonymous, "{}", 2) :
					mempcpy(anonymous, at, len);
		*anonymous = '\0';
		at += len;
	}
	return NULL;
}

static int routes_http(struct routes_job *j, const struct node *value)
{
	struct config_route *r = j->route;
	size_t len;
	char *anonymous;
	const char *wrong;

	if (!routes_is_text(value))
		return routes_fail(j, value, "http",
				   "must be a method and a path");
	len = strcspn(value->text, " ");
	if (!routes_is_method(value->text, len) || value->text[len] == '\0')
		return routes_fail_value(j, value, "http",
					 "must be GET, POST, PUT, PATCH or "
					 "DELETE, a space and a path");
	r->method = arena_text_n(j->arena, value->text, len);
	r->template = value->text + len + 1;
	anonymous = arena_alloc(j->arena, strlen(value->text) + 1);
	wrong = routes_path(r->template, anonymous);
	if (wrong != NULL)
		return routes_fail_value(j, value, "http", wrong);
	r->address = value->text;
	r->entry.name = arena_format(j->arena, "%s %s", r->method, anonymous);
	return 0;
}

static bool routes_is_amqp_name(const struct node *node)
{
	return routes_is_text(node) &&
	       utf8_is_id(node->text, strlen(node->text), 255);
}

/* What is wrong with a queue's name, or NULL; others are called after it. */
static const char *routes_queue(const char *name)
{
	size_t len = strlen(name);

	if (len > ROUTES_MAX_QUEUE)
		return "longer than 200 bytes";
	if (strncmp(name, "amq.", 4) == 0)
		return "names that begin with amq. are the broker's own";
	if (strstr(name, ".retry.") != NULL ||
	    (len >= 5 && strcmp(name + len - 5, ".dead") == 0))
		return "names with .retry. in them or .dead at the end are the "
		       "gateway's own";
	return NULL;
}

/* * and # stand for words, never for parts of one. */
static bool routes_is_binding_key(const char *key)
{
	size_t len;

	for (;; key += len + 1) {
		len = strcspn(key, ".");
		if (len > 1 && (memchr(key, '*', len) != NULL ||
				memchr(key, '#', len) != NULL))
			return false;
		if (key[len] == '\0')
			return true;
	}
}

static int routes_binding(struct routes_job *j, const char *exchange,
			  const struct node *key)
{
	struct config_route *r = j->route;

	if (!routes_is_amqp_name(key))
		return routes_fail(j, key, "amqp.bind",
				   "a routing key must be a text of at most "
				   "255 bytes");
	if (!routes_is_binding_key(key->text))
		return routes_fail_value(j, key, "amqp.bind",
					 "* and # stand for whole words");
	if (r->n_bindings == ROUTES_MAX_BINDINGS)
		return routes_fail(j, key, "amqp.bind",
				   "more than 256 bindings");
	for (unsigned i = 0; i < r->n_bindings; i++)
		if (strcmp(r->bindings[i].exchange, exchange) == 0 &&
		    strcmp(r->bindings[i].key, key->text) == 0)
			return routes_fail_value(j, key, "amqp.bind",
						 "the same binding twice");
	r->bindings[r->n_bindings++] =
		(struct config_binding){ exchange, key->text, key };
	r->address = arena_format(j->arena, "%s %s/%s", r->address, exchange,
				  key->text);
	return 0;
}

static int routes_exchange(struct routes_job *j, const struct node *name,
			   const struct node *keys)
{
	int result = 0;

	if (!routes_is_amqp_name(name))
		return routes_fail(j, name, "amqp.bind",
				   "an exchange must have a name of at most "
				   "255 bytes");
	if (keys->kind != NODE_LIST || keys->n == 0)
		return routes_fail(j, keys, "amqp.bind",
				   "must be a list of routing keys for each "
				   "exchange");
	for (size_t i = 0; i < keys->n && result == 0; i++)
		result = routes_binding(j, name->text, keys->items[i]);
	return result;
}

static int routes_known(struct routes_job *j, const struct node *map,
			const char *const *known, const char *prefix)
{
	int result = 0;

	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = map->keys[i];
		struct nearest near = { .wrong = key->text };
		size_t at = 0;

		while (known[at] != NULL && strcmp(known[at], key->text) != 0)
			nearest_try(&near, known[at++]);
		if (known[at] != NULL)
			continue;
		result = problems_add(j->problems, key,
				      "%s.%s%s: unknown key%s", j->route->path,
				      prefix, key->text,
				      nearest_hint(&near, &j->problems->arena));
	}
	return result;
}

static int routes_amqp(struct routes_job *j, const struct node *value)
{
	static const char *const keys[] = { "queue", "bind", NULL };
	struct config_route *r = j->route;
	const struct node *queue = node_get(value, "queue");
	const struct node *bind = node_get(value, "bind");
	int result = 0;

	if (value->kind != NODE_MAP)
		return routes_fail(j, value, "amqp",
				   "must be a mapping of queue and bind");
	if (!routes_is_amqp_name(queue))
		return routes_fail(j, queue != NULL ? queue : value,
				   "amqp.queue",
				   "must be a name of at most 255 bytes");
	if (routes_queue(queue->text) != NULL)
		return routes_fail_value(j, queue, "amqp.queue",
					 routes_queue(queue->text));
	if (bind == NULL || bind->kind != NODE_MAP || bind->n == 0)
		return routes_fail(j, bind != NULL ? bind : value, "amqp.bind",
				   "must be a mapping of exchanges to routing "
				   "keys");
	r->queue = queue->text;
	r->bindings = arena_alloc(j->arena, ROUTES_MAX_BINDINGS *
						    sizeof(*r->bindings));
	r->address = arena_format(j->arena, "amqp %s", r->queue);
	for (size_t i = 0; i < bind->n && result == 0; i++)
		result = routes_exchange(j, bind->keys[i], bind->items[i]);
	r->entry.name = r->address;
	return routes_known(j, value, keys, "amqp.") < 0 ? -1 : result;
}

static int routes_every(struct routes_job *j, const struct node *value)
{
	struct config_route *r = j->route;
	const char *name = "every";

	if (!routes_is_text(value) ||
	    !parse_duration(value->text, &r->every_ms) ||
	    r->every_ms < ROUTES_MIN_EVERY_MS ||
	    r->every_ms > INT64_C(31) * 86400000)
		return routes_fail(j, value, "every",
				   "must be a duration of 100ms to 31d");
	for (unsigned i = 0; i < r->n_pipeline; i++)
		name = arena_format(j->arena, "%s %s", name,
				    r->pipeline[i]->text);
	r->address = arena_format(j->arena, "every %s", value->text);
	r->entry.name = name;
	return 0;
}

/* What an operator must be allowed to; what is not said may change anything. */
static int routes_right(struct routes_job *j)
{
	const struct node *node = node_get(j->node, "right");

	j->route->looks = false;
	if (node == NULL)
		return 0;
	if (!routes_is_text(node) || (strcmp(node->text, "view") != 0 &&
				      strcmp(node->text, "edit") != 0))
		return routes_fail(j, node, "right", "must be view or edit");
	j->route->looks = strcmp(node->text, "view") == 0;
	return 0;
}

static int routes_admin(struct routes_job *j, const struct node *value)
{
	struct config_route *r = j->route;

	if (!routes_is_text(value) || strlen(value->text) > 128)
		return routes_fail(j, value, "admin",
				   "must be the name of an action");
	r->action = value->text;
	r->address = arena_format(j->arena, "admin %s", r->action);
	r->entry.name = r->address;
	return routes_right(j);
}

static const struct routes_source routes_sources[] = {
	{ "http", GANTRY_SOURCE_HTTP, routes_http,
	  { "http", "auth", "roles", "pipeline", "inject", NULL } },
	{ "amqp", GANTRY_SOURCE_AMQP, routes_amqp,
	  { "amqp", "pipeline", NULL } },
	{ "every", GANTRY_SOURCE_SCHEDULE, routes_every,
	  { "every", "pipeline", NULL } },
	{ "admin", GANTRY_SOURCE_ADMIN, routes_admin,
	  { "admin", "right", "pipeline", NULL } },
};

static const struct routes_source *routes_source(struct routes_job *j)
{
	const struct routes_source *found = NULL;

	for (size_t i = 0; i < ARRAY_LENGTH(routes_sources); i++) {
		const struct routes_source *s = &routes_sources[i];

		if (node_get(j->node, s->key) == NULL)
			continue;
		if (found != NULL) {
			problems_add(j->problems, node_key(j->node, s->key),
				     "%s: both %s and %s; a route has one "
				     "source", j->route->path, found->key,
				     s->key);
			return NULL;
		}
		found = s;
	}
	if (found == NULL)
		routes_fail(j, j->node, "",
			    "no source: http, amqp, every or admin");
	return found;
}

/* A text or a list of texts; what: "names of auth entries". */
static const struct node **routes_texts(struct routes_job *j, const char *key,
					const char *what, unsigned *n_out)
{
	const struct node *node = node_get(j->node, key);
	const struct node **list;

	*n_out = 0;
	list = arena_zero(j->arena, ((node->kind == NODE_LIST ? node->n : 1) +
				     1) * sizeof(*list));
	if (routes_is_text(node)) {
		list[(*n_out)++] = node;
		return list;
	}
	for (size_t i = 0; node->kind == NODE_LIST && i < node->n; i++) {
		if (!routes_is_text(node->items[i]))
			break;
		list[(*n_out)++] = node->items[i];
	}
	if (node->kind == NODE_LIST && *n_out == node->n && node->n > 0)
		return list;
	*n_out = 0;
	routes_fail(j, node, key, what);
	return NULL;
}

static void routes_pipeline(struct routes_job *j)
{
	struct config_route *r = j->route;
	const struct node *node = node_get(j->node, "pipeline");

	if (node == NULL) {
		if (node_get(j->node, "inject") == NULL)
			routes_fail(j, j->node, "pipeline", "missing");
		return;
	}
	r->pipeline = routes_texts(j, "pipeline",
				   "must be a list of instance.handler",
				   &r->n_pipeline);
	if (r->n_pipeline <= ROUTES_MAX_PIPELINE)
		return;
	r->n_pipeline = 0;
	routes_fail(j, node, "pipeline", "more than 16 handlers");
}

static void routes_roles(struct routes_job *j)
{
	struct config_route *r = j->route;
	const struct node **list;
	const char **roles;
	unsigned n;

	if (node_get(j->node, "roles") == NULL) {
		if (r->n_auth > 0)
			routes_fail(j, j->node, "roles",
				    "missing; say which roles may come in");
		return;
	}
	if (r->n_auth == 0)
		routes_fail(j, node_key(j->node, "roles"), "roles",
			    "nobody has a role without auth");
	list = routes_texts(j, "roles", "must be a list of roles", &n);
	roles = arena_zero(j->arena, (n + 1) * sizeof(*roles));
	for (unsigned i = 0; i < n; i++)
		roles[i] = list[i]->text;
	r->roles = roles;
}

/* Deny by default: who may come in is said, or that everybody may. */
static void routes_access(struct routes_job *j)
{
	struct config_route *r = j->route;
	const struct node *auth = node_get(j->node, "auth");

	if (auth == NULL) {
		routes_fail(j, j->node, "auth",
			    "missing; name an entry of auth, or say none if "
			    "everybody may come in");
		return;
	}
	if (auth->kind == NODE_TEXT && strcmp(auth->text, "none") == 0) {
		routes_roles(j);
		return;
	}
	r->auth = routes_texts(j, "auth", "must be names of auth entries",
			       &r->n_auth);
	if (r->n_auth > 0)
		routes_roles(j);
}

static bool routes_has_param(const char *template, const char *param)
{
	const char *at = strstr(template, param);

	return at != NULL && (at[strlen(param)] == '/' ||
			      at[strlen(param)] == '\0');
}

static void routes_inject(struct routes_job *j)
{
	struct config_route *r = j->route;
	const struct node *node = node_get(j->node, "inject");

	if (node == NULL)
		return;
	if (node->kind != NODE_TEXT || strcmp(node->text, "amqp") != 0)
		routes_fail(j, node, "inject", "must be amqp");
	else if (r->method != NULL && (strcmp(r->method, "POST") != 0 ||
				       !routes_has_param(r->template,
							 "/{exchange}") ||
				       !routes_has_param(r->template,
							 "/{routingKey}")))
		routes_fail(j, node, "inject",
			    "needs POST and a path with {exchange} and "
			    "{routingKey}");
	if (node_get(j->node, "pipeline") != NULL)
		routes_fail(j, node_key(j->node, "pipeline"), "pipeline",
			    "the amqp routes have the pipelines; leave it out "
			    "beside inject");
	r->inject = true;
}

static struct routes_job routes_job(const struct node *node, size_t index,
				    struct arena *arena,
				    struct problems *problems)
{
	struct config_route *r = arena_zero(arena, sizeof(*r));

	r->path = arena_format(arena, "routes[%zu]", index);
	r->entry.section = "routes";
	r->entry.path = r->path;
	r->entry.key = r->entry.node = node;
	return (struct routes_job){ r, node, arena, problems };
}

struct config_route *routes_parse(const struct node *node, size_t index,
				  struct arena *arena,
				  struct problems *problems)
{
	struct routes_job j = routes_job(node, index, arena, problems);
	const struct routes_source *source;
	int result;

	if (node->kind != NODE_MAP) {
		routes_fail(&j, node, "", "must be a mapping");
		return NULL;
	}
	source = routes_source(&j);
	if (source == NULL)
		return NULL;
	j.route->source = source->source;
	routes_known(&j, node, source->keys, "");
	routes_pipeline(&j);
	result = source->parse(&j, node_get(node, source->key));
	if (source->source == GANTRY_SOURCE_HTTP) {
		routes_access(&j);
		routes_inject(&j);
	}
	return result == 0 ? j.route : NULL;
}
