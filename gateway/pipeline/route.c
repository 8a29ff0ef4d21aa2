/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route - see route.h: look-ups in a graph, on the way of every message.
 *
 * A path is decoded once, into one piece of the arena; then only the routes of
 * its method and number of segments are compared.
 */
#include "gateway/pipeline/route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/pipeline/graph.h"

static const char *const route_methods[GRAPH_METHODS] = {
	"DELETE", "GET", "PATCH", "POST", "PUT",
};

struct route_path {
	const char *segments[GRAPH_MAX_SEGMENTS];
	unsigned n;
};

unsigned route_method(const char *method)
{
	unsigned i = 0;

	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	while (i < GRAPH_METHODS && strcmp(route_methods[i], method) != 0)
		i++;
	return i;
}

static int route_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Decode one segment in place of *out, which then stands behind its NUL.
 * Where it ends, or NULL if it is none: a slash or a NUL that hides would be
 * taken for what it is not by whoever is behind us.
 */
static const char *route_decode(const char *at, char **out)
{
	char *to = *out;

	for (; *at != '\0' && *at != '/'; at++) {
		int high, low;

		if (*at != '%') {
			*to++ = *at;
			continue;
		}
		high = route_digit(at[1]);
		low = high < 0 ? -1 : route_digit(at[2]);
		if (low < 0 || high * 16 + low == 0 || high * 16 + low == '/')
			return NULL;
		*to++ = (char)(high * 16 + low);
		at += 2;
	}
	*to++ = '\0';
	*out = to;
	return at;
}

static bool route_split(const char *path, struct arena *arena,
			struct route_path *out)
{
	char *text;

	out->n = 0;
	if (*path != '/')
		return false;
	if (path[1] == '\0')
		return true;
	text = arena_alloc(arena, strlen(path) + 1);
	while (*path == '/') {
		if (out->n == GRAPH_MAX_SEGMENTS)
			return false;
		out->segments[out->n++] = text;
		path = route_decode(path + 1, &text);
		if (path == NULL)
			return false;
	}
	return true;
}

static bool route_fits(const struct route *route, const struct route_path *path)
{
	for (unsigned i = 0; i < path->n; i++) {
		if (route->segments[i].parameter ?
			    *path->segments[i] == '\0' :
			    strcmp(route->segments[i].text,
				   path->segments[i]) != 0)
			return false;
	}
	return true;
}

static const struct route *route_find(const struct graph *graph,
				      unsigned method,
				      const struct route_path *path)
{
	const struct graph_bucket *bucket;

	if (method == GRAPH_METHODS)
		return NULL;
	bucket = &graph->memory->http[method][path->n];
	for (unsigned i = 0; i < bucket->n; i++)
		if (route_fits(bucket->routes[i], path))
			return bucket->routes[i];
	return NULL;
}

static unsigned route_params(const struct route *route,
			     const struct route_path *path,
			     struct message_pair *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < path->n; i++) {
		if (!route->segments[i].parameter)
			continue;
		assert(n < ROUTE_MAX_PARAMS);
		out[n++] = (struct message_pair){ route->segments[i].text,
						  path->segments[i] };
	}
	return n;
}

enum route_match route_find_http(const struct graph *graph, const char *method,
				 const char *path, struct arena *arena,
				 const struct route **route_out,
				 struct message_pair *params_out,
				 unsigned *n_params_out)
{
	unsigned wanted = route_method(method);
	struct route_path split;
	const struct route *route;

	if (!route_split(path, arena, &split))
		return ROUTE_NOT_FOUND;
	route = route_find(graph, wanted, &split);
	if (route != NULL) {
		*n_params_out = route_params(route, &split, params_out);
		*route_out = route;
		return ROUTE_FOUND;
	}
	for (unsigned i = 0; i < GRAPH_METHODS; i++)
		if (i != wanted && route_find(graph, i, &split) != NULL)
			return ROUTE_WRONG_METHOD;
	return ROUTE_NOT_FOUND;
}

const char *route_allowed(const struct graph *graph, const char *path,
			  struct arena *arena)
{
	char text[64] = "";
	struct route_path split;
	char *end = text;

	if (!route_split(path, arena, &split))
		return "";
	for (unsigned i = 0; i < GRAPH_METHODS; i++) {
		if (route_find(graph, i, &split) == NULL)
			continue;
		if (end != text)
			end = stpcpy(end, ", ");
		end = stpcpy(end, route_methods[i]);
		if (strcmp(route_methods[i], "GET") == 0)
			end = stpcpy(end, ", HEAD");
	}
	return arena_text(arena, text);
}

/* Literal segments before parameters, from the left: the first fit wins. */
static int route_compare(const void *a, const void *b)
{
	const struct route *x = *(struct route *const *)a;
	const struct route *y = *(struct route *const *)b;

	assert(x->n_segments == y->n_segments);
	for (unsigned i = 0; i < x->n_segments; i++) {
		bool px = x->segments[i].parameter, py = y->segments[i].parameter;
		int order = px != py ? px - py :
			    px	     ? 0 :
				       strcmp(x->segments[i].text,
					      y->segments[i].text);

		if (order != 0)
			return order;
	}
	return 0;
}

static void route_fill_bucket(struct graph *graph, unsigned method,
			      unsigned n_segments)
{
	struct graph_bucket *bucket = &graph->memory->http[method][n_segments];

	bucket->routes = arena_alloc(&graph->memory->arena,
				     (graph->n_routes + 1) *
					     sizeof(*bucket->routes));
	for (unsigned i = 0; i < graph->n_routes; i++) {
		struct route *r = graph->routes[i];

		if (r->source == GANTRY_SOURCE_HTTP &&
		    r->n_segments == n_segments &&
		    route_method(r->method) == method)
			bucket->routes[bucket->n++] = r;
	}
	qsort(bucket->routes, bucket->n, sizeof(*bucket->routes),
	      route_compare);
}

void route_index(struct graph *graph)
{
	for (unsigned i = 0; i < graph->n_routes; i++) {
		const struct route *r = graph->routes[i];
		unsigned method;

		if (r->source != GANTRY_SOURCE_HTTP)
			continue;
		method = route_method(r->method);
		assert(method < GRAPH_METHODS);
		if (graph->memory->http[method][r->n_segments].n == 0)
			route_fill_bucket(graph, method, r->n_segments);
	}
}

/* The next word of a dotted text; at: where it begins, NULL behind the last. */
static const char *route_word(const char *at, size_t *len)
{
	*len = strcspn(at, ".");
	return at[*len] == '.' ? at + *len + 1 : NULL;
}

static bool route_is_word(const char *word, size_t len, const char *text)
{
	return strlen(text) == len && memcmp(word, text, len) == 0;
}

/*
 * As with globs, only the last # needs to be gone back to: what stood before
 * it fits already, and it takes one word more each time.
 */
bool route_key_matches(const char *binding, const char *key)
{
	const char *b = *binding != '\0' ? binding : NULL;
	const char *k = *key != '\0' ? key : NULL;
	const char *after_hash = NULL, *retry = NULL;
	bool hash = false;

	while (k != NULL || b != NULL) {
		size_t b_len = 0, k_len = 0;
		const char *b_next = b != NULL ? route_word(b, &b_len) : NULL;
		const char *k_next = k != NULL ? route_word(k, &k_len) : NULL;

		if (b != NULL && route_is_word(b, b_len, "#")) {
			hash = true;
			after_hash = b = b_next;
			retry = k;
			continue;
		}
		if (b != NULL && k != NULL &&
		    (route_is_word(b, b_len, "*") ||
		     (b_len == k_len && memcmp(b, k, b_len) == 0))) {
			b = b_next;
			k = k_next;
			continue;
		}
		if (!hash || retry == NULL)
			return false;
		retry = route_word(retry, &k_len);
		b = after_hash;
		k = retry;
	}
	return true;
}
