/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims - see claims.h.
 *
 * Times are whole seconds since 1970. RFC 7519 would allow fractions; a token
 * that has them is refused rather than rounded.
 */
#include "claims.h"

#include <assert.h>
#include <string.h>

#include "json.h"

#define CLAIMS_LAST_SECOND INT64_C(253402300799) /* of the year 9999 */
#define CLAIMS_SUBJECT_MAX 255

/* 1, 0 if it is not there, -1 with err. */
static int claims_time(const json_t *claims, const char *name, int64_t *ms_out,
		       struct gantry_error *err)
{
	const json_t *json = json_object_get(claims, name);
	int64_t seconds;

	if (json == NULL)
		return 0;
	if (!json_is_integer(json))
		return gantry_fail(err, "claims: %s is not a whole number",
				   name);
	seconds = json_integer_value(json);
	if (seconds < 0 || seconds > CLAIMS_LAST_SECOND)
		return gantry_fail(err, "claims: %s is out of range", name);
	*ms_out = seconds * 1000;
	return 1;
}

static int claims_check_times(const json_t *claims,
			      const struct jwt_rules *rules, int64_t now_ms,
			      int64_t *expires_out, struct gantry_error *err)
{
	int64_t exp = 0, nbf = 0, iat = now_ms;
	int there = claims_time(claims, "exp", &exp, err);

	if (there == 0)
		gantry_fail(err, "claims: exp is missing");
	if (there <= 0 || claims_time(claims, "nbf", &nbf, err) < 0 ||
	    claims_time(claims, "iat", &iat, err) < 0)
		return -1;
	if (now_ms >= exp + rules->leeway_ms)
		return gantry_fail(err, "claims: the token has expired");
	if (now_ms + rules->leeway_ms < nbf)
		return gantry_fail(err, "claims: the token is not valid yet");
	if (now_ms + rules->leeway_ms < iat)
		return gantry_fail(
			err, "claims: the token was issued in the future");
	if (rules->max_lifetime_ms > 0 && exp - iat > rules->max_lifetime_ms)
		return gantry_fail(
			err,
			"claims: the token lives longer than max_lifetime");
	*expires_out = exp + rules->leeway_ms;
	return 0;
}

static int claims_check_issuer(const json_t *claims, const char *issuer,
			       struct gantry_error *err)
{
	const json_t *iss = json_object_get(claims, "iss");

	if (issuer == NULL || jwt_json_is(iss, issuer))
		return 0;
	return gantry_fail(err, iss == NULL ? "claims: iss is missing"
					    : "claims: iss is another issuer");
}

static int claims_check_audience(const json_t *claims, const char *audience,
				 struct gantry_error *err)
{
	const json_t *aud = json_object_get(claims, "aud");
	const json_t *one;
	bool found = false;
	size_t i;

	if (audience == NULL || jwt_json_is(aud, audience))
		return 0;
	if (aud == NULL)
		return gantry_fail(err, "claims: aud is missing");
	json_array_foreach(aud, i, one)
	{
		if (!json_is_string(one))
			return gantry_fail(
				err,
				"claims: aud is not text or a list of texts");
		found = found || jwt_json_is(one, audience);
	}
	if (!found)
		return gantry_fail(err, "claims: aud is another audience");
	return 0;
}

static int claims_take_subject(const json_t *claims, struct jwt_identity *out,
			       struct gantry_error *err)
{
	const json_t *sub = json_object_get(claims, "sub");

	out->subject = json_string_value(sub);
	if (sub != NULL &&
	    (!json_is_string(sub) || json_string_length(sub) == 0 ||
	     json_string_length(sub) > CLAIMS_SUBJECT_MAX))
		return gantry_fail(err,
				   "claims: sub is not 1 to %d bytes of text",
				   CLAIMS_SUBJECT_MAX);
	return 0;
}

/* "roles" if it is there, else "role"; those past the sixteenth do not count.
 */
static int claims_take_roles(const json_t *claims, struct jwt_identity *out,
			     struct gantry_error *err)
{
	const json_t *roles = json_object_get(claims, "roles");
	const json_t *role = json_object_get(claims, "role");
	size_t i;

	if (roles == NULL) {
		if (role != NULL && !json_is_string(role))
			return gantry_fail(err, "claims: role is not text");
		out->role[0] = json_string_value(role);
		out->roles = role != NULL;
		return 0;
	}
	if (!json_is_array(roles))
		return gantry_fail(err, "claims: roles is not a list");
	json_array_foreach(roles, i, role)
	{
		if (!json_is_string(role))
			return gantry_fail(
				err, "claims: roles is not a list of texts");
		if (out->roles < JWT_ROLES_MAX)
			out->role[out->roles++] = json_string_value(role);
	}
	return 0;
}

int jwt_claims_check(const json_t *claims, const struct jwt_rules *rules,
		     int64_t now_ms, struct jwt_identity *out,
		     struct gantry_error *err)
{
	struct jwt_identity who = { .roles = 0 };

	assert(rules->leeway_ms >= 0 && rules->max_lifetime_ms >= 0);
	if (claims_check_times(claims, rules, now_ms, &who.expires_ms, err) <
		    0 ||
	    claims_check_issuer(claims, rules->issuer, err) < 0 ||
	    claims_check_audience(claims, rules->audience, err) < 0 ||
	    claims_take_subject(claims, &who, err) < 0 ||
	    claims_take_roles(claims, &who, err) < 0)
		return -1;
	*out = who;
	return 0;
}
