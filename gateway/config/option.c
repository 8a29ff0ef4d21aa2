/* SPDX-License-Identifier: Apache-2.0 */
/* option - see option.h. */
#include "gateway/config/option.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/config/nearest.h"
#include "gateway/config/secret.h"

/* One option of one mapping on its way. */
struct option_value {
	const struct option_job *job;
	const struct gantry_option *option;
	const struct node *map;		/* where a default counts from */
	const struct node *node;	/* NULL: the default is taken */
	const char *text;
	void *member;
};

struct option_unit {
	int64_t factor;
	const char *name;
};

static int option_problem(const struct option_value *v, const char *what,
			  const char *value)
{
	const struct node *at = v->node != NULL ? v->node : v->map;

	if (value == NULL)
		return problems_add(v->job->problems, at, "%s.%s: %s",
				    v->job->path, v->option->name, what);
	return problems_add(v->job->problems, at, "%s.%s: %s: \"%s\"",
			    v->job->path, v->option->name, what, value);
}

static const struct option_unit *
option_unit(enum gantry_option_type type, int64_t n)
{
	static const struct option_unit durations[] = {
		{ 86400000, "d" }, { 3600000, "h" }, { 60000, "m" },
		{ 1000, "s" },	   { 1, "ms" },
	};
	static const struct option_unit sizes[] = {
		{ 1 << 30, "G" }, { 1 << 20, "M" }, { 1 << 10, "K" },
		{ 1, "" },
	};
	const struct option_unit *u = durations;

	if (type == GANTRY_TYPE_SIZE)
		u = sizes;
	else if (type != GANTRY_TYPE_DURATION)
		return &sizes[ARRAY_LENGTH(sizes) - 1];
	while (u->factor != 1 && (n % u->factor != 0 || n == 0))
		u++;
	return u;
}

static const char *option_number(const struct gantry_option *o, int64_t n,
				 struct arena *arena)
{
	const struct option_unit *u = option_unit(o->type, n);

	return arena_format(arena, "%lld%s", (long long)(n / u->factor),
			    u->name);
}

static const char *option_choices(const struct gantry_option *o,
				  struct arena *arena)
{
	const char *text = o->choices[0];

	for (size_t i = 1; o->choices[i] != NULL; i++)
		text = arena_format(arena, "%s, %s", text, o->choices[i]);
	return text;
}

const char *option_range(const struct gantry_option *o, struct arena *arena)
{
	if (o->type == GANTRY_TYPE_CHOICE)
		return option_choices(o, arena);
	if (o->min == 0 && o->max == 0)
		return NULL;
	return arena_format(arena, "%s to %s", option_number(o, o->min, arena),
			    option_number(o, o->max, arena));
}

const char *option_type_name(enum gantry_option_type type)
{
	static const char *const names[] = {
		[GANTRY_TYPE_TEXT] = "text",
		[GANTRY_TYPE_INTEGER] = "integer",
		[GANTRY_TYPE_SIZE] = "size",
		[GANTRY_TYPE_DURATION] = "duration",
		[GANTRY_TYPE_BOOLEAN] = "boolean",
		[GANTRY_TYPE_CHOICE] = "choice",
		[GANTRY_TYPE_PATH] = "path",
		[GANTRY_TYPE_SECRET_FILE] = "secret file",
		[GANTRY_TYPE_LIST] = "list",
	};

	if ((unsigned)type >= ARRAY_LENGTH(names))
		return NULL;
	return names[type];
}

/* The numbers' own ranges; lengths of texts and lists use it too. */
static int option_in_range(const struct option_value *v, int64_t n,
			   const char *unit)
{
	const struct gantry_option *o = v->option;
	struct arena *arena = &v->job->problems->arena;

	if ((o->min == 0 && o->max == 0) || (n >= o->min && n <= o->max))
		return 0;
	if (unit != NULL)
		return option_problem(v,
				      arena_format(arena,
						   "must have %lld to %lld %s, has %lld",
						   (long long)o->min,
						   (long long)o->max, unit,
						   (long long)n),
				      NULL);
	return option_problem(v,
			      arena_format(arena, "must be %s",
					   option_range(o, arena)),
			      v->text);
}

static int option_take_number(const struct option_value *v)
{
	static const struct {
		bool (*parse)(const char *text, int64_t *out);
		const char *what;
	} kinds[] = {
		[GANTRY_TYPE_INTEGER] = { parse_integer, "not a whole number" },
		[GANTRY_TYPE_SIZE] = { parse_size,
				       "not a size (64, 16K, 1M, 2G)" },
		[GANTRY_TYPE_DURATION] = { parse_duration,
					   "not a duration (250ms, 10s, 5m, 24h, 30d)" },
	};
	int64_t n;

	if (!kinds[v->option->type].parse(v->text, &n))
		return option_problem(v, kinds[v->option->type].what, v->text);
	if (option_in_range(v, n, NULL) < 0)
		return -1;
	*(int64_t *)v->member = n;
	return 0;
}

static int option_take_boolean(const struct option_value *v)
{
	bool b;

	if (!parse_boolean(v->text, &b))
		return option_problem(v, "not true or false", v->text);
	*(bool *)v->member = b;
	return 0;
}

static int option_take_choice(const struct option_value *v)
{
	struct arena *arena = &v->job->problems->arena;
	struct nearest near = { .wrong = v->text };

	for (size_t i = 0; v->option->choices[i] != NULL; i++) {
		if (strcmp(v->option->choices[i], v->text) == 0) {
			*(int64_t *)v->member = (int64_t)i;
			return 0;
		}
		nearest_try(&near, v->option->choices[i]);
	}
	return option_problem(v,
			      arena_format(arena, "not one of %s%s",
					   option_choices(v->option, arena),
					   nearest_hint(&near, arena)),
			      v->text);
}

bool option_has_password(const char *text)
{
	const char *authority = strstr(text, "://");
	const char *at, *end;

	if (authority == NULL)
		return false;
	authority += 3;
	end = authority + strcspn(authority, "/?#");
	at = memrchr(authority, '@', (size_t)(end - authority));
	if (at != NULL && memchr(authority, ':', (size_t)(at - authority)))
		return true;
	return strstr(end, "password=") != NULL;
}

/* Never shows the value: it is a secret by now. */
static int option_refuse_password(const struct option_value *v,
				  const char *text)
{
	if (!option_has_password(text))
		return 0;
	return option_problem(v, "a password must not stand in a URL; put it "
				 "into a file and name that by an option "
				 "that ends in _file", NULL);
}

static int option_take_text(const struct option_value *v)
{
	if (option_refuse_password(v, v->text) < 0 ||
	    option_in_range(v, (int64_t)strlen(v->text), "bytes") < 0)
		return -1;
	*(const char **)v->member = arena_text(v->job->memory, v->text);
	return 0;
}

static int option_take_path(const struct option_value *v)
{
	const struct node *at = v->node != NULL ? v->node : v->map;
	const char *path = v->text;

	if (*path != '/')
		path = arena_format(v->job->memory, "%s/%s", at->file->folder,
				    path);
	*(const char **)v->member = arena_text(v->job->memory, path);
	return 0;
}

static int option_take_secret(const struct option_value *v)
{
	const struct node *at = v->node != NULL ? v->node : v->map;
	struct gantry_error err = ERROR_INIT;
	const char *path = secret_path(v->text, at->file->folder,
				       v->job->memory);

	if (secret_check(path, &err) < 0)
		return option_problem(v, err.message, NULL);
	*(const char **)v->member = path;
	return 0;
}

static const char **option_list_new(const struct option_value *v, size_t n)
{
	const char **list = arena_zero(v->job->memory, (n + 1) * sizeof(*list));

	*(const char *const **)v->member = list;
	return list;
}

/* A default: "a, b". */
static int option_split(const struct option_value *v)
{
	char *text = arena_text(v->job->memory, v->text), *word, *rest = NULL;
	const char **list = option_list_new(v, strlen(text) / 2 + 1);
	size_t n = 0;

	for (word = strtok_r(text, ", ", &rest); word != NULL;
	     word = strtok_r(NULL, ", ", &rest))
		list[n++] = word;
	return option_in_range(v, (int64_t)n, "entries");
}

static int option_take_list(const struct option_value *v)
{
	const struct node *node = v->node;
	const char **list;

	if (node == NULL)
		return option_split(v);
	if (node->kind != NODE_LIST)
		return option_problem(v, "must be a list of texts", NULL);
	list = option_list_new(v, node->n);
	for (size_t i = 0; i < node->n; i++) {
		if (node->items[i]->kind != NODE_TEXT ||
		    node_is_empty(node->items[i]))
			return option_problem(v, "must be a list of texts",
					      NULL);
		if (option_refuse_password(v, node->items[i]->text) < 0)
			return -1;
		list[i] = arena_text(v->job->memory, node->items[i]->text);
	}
	return option_in_range(v, (int64_t)node->n, "entries");
}

static int option_take(const struct option_value *v)
{
	static int (*const takers[])(const struct option_value *) = {
		[GANTRY_TYPE_TEXT] = option_take_text,
		[GANTRY_TYPE_INTEGER] = option_take_number,
		[GANTRY_TYPE_SIZE] = option_take_number,
		[GANTRY_TYPE_DURATION] = option_take_number,
		[GANTRY_TYPE_BOOLEAN] = option_take_boolean,
		[GANTRY_TYPE_CHOICE] = option_take_choice,
		[GANTRY_TYPE_PATH] = option_take_path,
		[GANTRY_TYPE_SECRET_FILE] = option_take_secret,
		[GANTRY_TYPE_LIST] = option_take_list,
	};

	assert(option_type_name(v->option->type) != NULL);
	return takers[v->option->type](v);
}

static int option_one(struct option_value *v)
{
	const struct node *node = v->node;
	bool list = v->option->type == GANTRY_TYPE_LIST;

	if (node == NULL && (v->option->flags & GANTRY_OPTION_REQUIRED))
		return option_problem(v, "missing", NULL);
	if (node == NULL && v->option->fallback == NULL)
		return 0;
	if (node != NULL && node_is_empty(node))
		return option_problem(v, "has no value", NULL);
	if (node != NULL && node->kind != NODE_TEXT && !list)
		return option_problem(v,
				      arena_format(&v->job->problems->arena,
						   "must be a text, not %s",
						   node_kind_name(node)),
				      NULL);
	v->text = node != NULL ? node->text : v->option->fallback;
	return option_take(v);
}

static bool option_is_known(const struct option_job *job, const char *key,
			    struct nearest *near)
{
	for (size_t i = 0; job->others != NULL && job->others[i] != NULL; i++) {
		if (strcmp(job->others[i], key) == 0)
			return true;
		nearest_try(near, job->others[i]);
	}
	for (size_t i = 0; job->options != NULL && job->options[i] != NULL; i++) {
		if (strcmp(job->options[i]->name, key) == 0)
			return true;
		nearest_try(near, job->options[i]->name);
	}
	return false;
}

static int option_refuse_unknown(const struct option_job *job,
				 const struct node *map)
{
	int result = 0;

	for (size_t i = 0; i < map->n; i++) {
		struct nearest near = { .wrong = map->keys[i]->text };

		if (option_is_known(job, near.wrong, &near))
			continue;
		result = problems_add(job->problems, map->keys[i],
				      "%s.%s: unknown key%s", job->path,
				      near.wrong,
				      nearest_hint(&near,
						   &job->problems->arena));
	}
	return result;
}

int option_fill(const struct option_job *job, const struct node *map,
		void *self)
{
	int result;

	assert(map != NULL && self != NULL);
	if (map->kind != NODE_MAP && !node_is_empty(map))
		return problems_add(job->problems, map,
				    "%s: must be a mapping, not %s", job->path,
				    node_kind_name(map));
	result = job->partial ? 0 : option_refuse_unknown(job, map);
	for (size_t i = 0; job->options != NULL && job->options[i] != NULL; i++) {
		const struct gantry_option *o = job->options[i];
		struct option_value v = {
			.job = job, .option = o, .map = map,
			.node = node_get(map, o->name),
			.member = (char *)self + o->offset,
		};

		if (option_one(&v) < 0)
			result = -1;
	}
	return result;
}
