/* SPDX-License-Identifier: Apache-2.0 */
/* jwt - an auth that stands in for the shipped one and grants nothing. */
#include <gantry/plugin.h>

struct jwt {
	const char *key_file, *issuer, *audience;
	int64_t algorithm;
};

static const char *const jwt_algorithms[] = { "HS256", "RS256", NULL };

static const struct gantry_option *const jwt_options[] = {
	GANTRY_SECRET_FILE(struct jwt, key_file,
			   .flags = GANTRY_OPTION_REQUIRED,
			   .summary = "The key."),
	GANTRY_CHOICE(struct jwt, algorithm, .choices = jwt_algorithms,
		      .fallback = "HS256", .summary = "Of the key."),
	GANTRY_TEXT(struct jwt, issuer, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "Who says so."),
	GANTRY_TEXT(struct jwt, audience, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "To whom."),
	NULL
};

static enum gantry_access jwt_authenticate(void *self, struct gantry_message *m,
					   struct gantry_error *err)
{
	(void)self;
	(void)m;
	(void)err;
	return GANTRY_ACCESS_DEFERRED;
}

static int jwt_issue(void *self, const char *kid, const json_t *claims,
		     char *token_out, struct gantry_error *err)
{
	(void)self, (void)kid, (void)claims, (void)token_out;
	return gantry_fail(err, "a stand-in signs nothing");
}

static const struct gantry_auth jwt_auth = {
	.size = sizeof(struct gantry_auth),
	.challenge = "Bearer",
	.authenticate = jwt_authenticate,
	.issue = jwt_issue,
};

GANTRY_PLUGIN(.name = "jwt", .version = "1", .summary = "Stands in.",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct jwt),
	      .options = jwt_options, .auth = &jwt_auth);
