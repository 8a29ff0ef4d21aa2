/* SPDX-License-Identifier: Apache-2.0 */
/*
 * level-1-auth - as plugins that know senders were written for level 1 of the
 * interface; kept, so that it is seen to run on every later one.
 */
#include <gantry/plugin.h>
#include <string.h>

struct level_1 {
	const char *word, *role;
};

static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct level_1, word, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "What a sender must say"),
	GANTRY_TEXT(struct level_1, role, .fallback = "member",
		    .summary = "The role that it has then"),
	NULL
};

static enum gantry_access level_1_authenticate(void *self, struct gantry_message *m,
					       struct gantry_error *err)
{
	const struct level_1 *a = self;
	const char *text;
	size_t len;

	text = gantry_credential_in(m, "X-Word", &len);
	if (text == NULL)
		return GANTRY_ACCESS_DEFERRED;
	if (len != strlen(a->word) || memcmp(text, a->word, len) != 0) {
		gantry_fail(err, "the word is wrong");
		return GANTRY_ACCESS_DENIED;
	}
	gantry_identify(m, "", "level-1");
	gantry_grant(m, a->role);
	return GANTRY_ACCESS_GRANTED;
}

static const struct gantry_auth auth = {
	.size = sizeof(struct gantry_auth),
	.challenge = "Word",
	.authenticate = level_1_authenticate,
};

GANTRY_PLUGIN(.name = "level-1-auth", .version = "1.0.0",
	      .summary = "Knows a sender by a word",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct level_1),
	      .options = options, .auth = &auth);
