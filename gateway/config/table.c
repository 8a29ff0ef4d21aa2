/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - checks an option table that a plugin's author wrote, before anything
 * is filled by it. Part of option.h.
 */
#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/config/option.h"

/* Keys of an entry that belong to the core. */
static const char *const table_reserved[] = { "plugin", "isolation" };

static int table_fail(const struct gantry_option *o, const char *what,
		      struct gantry_error *err)
{
	return gantry_fail(err, "option \"%s\" %s", o->name, what);
}

static bool table_is_name(const char *name)
{
	size_t len;

	if (name == NULL || *name < 'a' || *name > 'z')
		return false;
	len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return name[len] == '\0' && len <= 64;
}

static size_t table_width(const struct gantry_option *o)
{
	switch (o->type) {
	case GANTRY_TYPE_BOOLEAN:
		return sizeof(bool);
	case GANTRY_TYPE_TEXT:
	case GANTRY_TYPE_PATH:
	case GANTRY_TYPE_SECRET_FILE:
	case GANTRY_TYPE_LIST:
		return sizeof(char *);
	default:
		return sizeof(int64_t);
	}
}

static int table_check_place(const struct gantry_option *o, size_t size,
			     struct gantry_error *err)
{
	size_t width = table_width(o);

	if (o->offset > size || size - o->offset < width)
		return table_fail(o, "lies outside the instance", err);
	if (o->offset % width != 0)
		return table_fail(o, "is not aligned", err);
	return 0;
}

/* A default is written like a value, so it is taken like one. */
static int table_check_fallback(const struct gantry_option *o,
				struct gantry_error *err)
{
	struct gantry_option moved = *o;
	struct node_file file = { .name = "", .path = "", .folder = "/" };
	struct node none = { .kind = NODE_MAP, .file = &file };
	struct arena memory = { 0 };
	struct problems problems = { 0 };
	int64_t room[2] = { 0 };
	const struct gantry_option *const table[] = { &moved, NULL };
	struct option_job job = { table, "", NULL,
				  &memory, &problems, false };
	int result;

	moved.offset = 0;
	result = option_fill(&job, &none, room);
	if (result < 0)
		table_fail(o, "has a default that is no value of it", err);
	problems_fini(&problems);
	arena_fini(&memory);
	return result;
}

static int table_check_kind(const struct gantry_option *o,
			    struct gantry_error *err)
{
	if (option_type_name(o->type) == NULL)
		return table_fail(o, "has a type that does not exist", err);
	if (o->summary == NULL || *o->summary == '\0')
		return table_fail(o, "has no summary", err);
	if (o->type == GANTRY_TYPE_CHOICE &&
	    (o->choices == NULL || o->choices[0] == NULL))
		return table_fail(o, "has no choices", err);
	if (o->min > o->max)
		return table_fail(o, "has a range that is empty", err);
	if (o->flags & ~(unsigned)(GANTRY_OPTION_REQUIRED | GANTRY_OPTION_UPSTREAM))
		return table_fail(o, "has a flag that does not exist", err);
	if ((o->flags & GANTRY_OPTION_UPSTREAM) && o->type != GANTRY_TYPE_TEXT)
		return table_fail(o, "names an upstream and is no text", err);
	if ((o->flags & GANTRY_OPTION_REQUIRED) && o->fallback != NULL)
		return table_fail(o, "is required and has a default", err);
	return 0;
}

static int table_check_name(const struct gantry_option *const *options,
			    size_t i, struct gantry_error *err)
{
	const char *name = options[i]->name;

	if (!table_is_name(name))
		return gantry_fail(err, "option %zu has no name of a-z, 0-9 "
					"and _", i + 1);
	for (size_t j = 0; j < ARRAY_LENGTH(table_reserved); j++)
		if (strcmp(name, table_reserved[j]) == 0)
			return table_fail(options[i], "has a name that the "
					  "core keeps for itself", err);
	for (size_t j = 0; j < i; j++)
		if (strcmp(name, options[j]->name) == 0)
			return table_fail(options[i], "is there twice", err);
	return 0;
}

int option_table_check(const struct gantry_option *const *options, size_t size,
		       struct gantry_error *err)
{
	for (size_t i = 0; options != NULL && options[i] != NULL; i++) {
		const struct gantry_option *o = options[i];

		if (table_check_name(options, i, err) < 0 ||
		    table_check_kind(o, err) < 0 ||
		    table_check_place(o, size, err) < 0)
			return -1;
		if (o->fallback != NULL && table_check_fallback(o, err) < 0)
			return -1;
	}
	return 0;
}
