/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member - see gantry/member.h. Built on what every plugin may call, so that
 * a handler of ours and of anyone else refuse in the same words.
 */
#include <gantry/member.h>

#include <inttypes.h>
#include <stdio.h>

#include "gateway/base/clock.h"
#include "gateway/base/utf8.h"

struct member {
	const json_t *value;	/* NULL: absent or null */
	char field[192];
};

bool gantry_is_text(const char *text, size_t len, size_t max)
{
	return utf8_is_id(text, len, max);
}

static struct member member_of(const json_t *object, const char *place,
			       const char *name)
{
	struct member member = { .value = json_object_get(object, name) };

	if (json_is_null(member.value))
		member.value = NULL;
	snprintf(member.field, sizeof(member.field), "%s%s", place, name);
	return member;
}

/* Whether there is something to look at. */
static bool member_is_there(const struct member *member, unsigned flags,
			    struct gantry_error *err)
{
	if (member->value == NULL && (flags & GANTRY_OPTIONAL) == 0)
		gantry_problem(err, member->field, "is required");
	return member->value != NULL;
}

const char *gantry_member_text(const json_t *object, const char *place,
			       const char *name, size_t max, unsigned flags,
			       struct gantry_error *err)
{
	struct member member = member_of(object, place, name);

	if (!member_is_there(&member, flags, err))
		return NULL;
	if (!json_is_string(member.value) ||
	    !gantry_is_text(json_string_value(member.value),
			    json_string_length(member.value), max)) {
		gantry_problem(err, member.field,
			       "must be text of 1 to %zu bytes without control characters",
			       max);
		return NULL;
	}
	return json_string_value(member.value);
}

int64_t gantry_member_integer(const json_t *object, const char *place,
			      const char *name, int64_t min, int64_t max,
			      struct gantry_error *err)
{
	struct member member = member_of(object, place, name);
	int64_t value;

	if (!member_is_there(&member, 0, err))
		return min;
	value = json_integer_value(member.value);
	if (!json_is_integer(member.value) || value < min || value > max) {
		gantry_problem(err, member.field,
			       "must be a whole number from %" PRId64
			       " to %" PRId64, min, max);
		return min;
	}
	return value;
}

bool gantry_member_bool(const json_t *object, const char *place,
			const char *name, struct gantry_error *err)
{
	struct member member = member_of(object, place, name);

	if (member.value != NULL && !json_is_boolean(member.value))
		gantry_problem(err, member.field, "must be true or false");
	return json_is_true(member.value);
}

int64_t gantry_member_time(const json_t *object, const char *place,
			   const char *name, struct gantry_error *err)
{
	struct member member = member_of(object, place, name);
	int64_t ms = 0;

	if (member.value == NULL)
		return 0;
	if (!json_is_string(member.value) ||
	    !clock_parse(json_string_value(member.value),
			 json_string_length(member.value), &ms))
		gantry_problem(err, member.field,
			       "must be a time such as 2023-05-24T23:59:59Z");
	return ms;
}

const json_t *gantry_member_list(const json_t *object, const char *place,
				 const char *name, size_t max, unsigned flags,
				 struct gantry_error *err)
{
	struct member member = member_of(object, place, name);

	if (!member_is_there(&member, flags, err))
		return NULL;
	if (!json_is_array(member.value) || json_array_size(member.value) > max) {
		gantry_problem(err, member.field,
			       "must be a list of at most %zu", max);
		return NULL;
	}
	return member.value;
}

const json_t *gantry_member_object(const json_t *object, const char *place,
				   const char *name, unsigned flags,
				   struct gantry_error *err)
{
	struct member member = member_of(object, place, name);

	if (!member_is_there(&member, flags, err))
		return NULL;
	if (!json_is_object(member.value)) {
		gantry_problem(err, member.field, "must be an object");
		return NULL;
	}
	return member.value;
}
