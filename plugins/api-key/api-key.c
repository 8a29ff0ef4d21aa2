/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api-key - who sends a message, by a key in a header of its own. The file has
 * hashes of the keys alone, so that whoever reads it cannot use them.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <gantry/plugin.h>

#include "enroll.h"
#include "keyring.h"

#define API_KEY_ISSUER_SIZE 160

struct api_key {
	const char *key_file;
	const char *header;

	struct api_key_keyring *keyring;
	char issuer[API_KEY_ISSUER_SIZE];
};

/* A token of RFC 9110, and none of those that mean something else. */
static int api_key_check(const void *self, struct gantry_error *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789!#$%&'*+-.^_`|~";
	const char *header = ((const struct api_key *)self)->header;

	if (strspn(header, allowed) != strlen(header))
		return gantry_fail(err, "header: \"%s\" is no name of a header",
				   header);
	if (strcasecmp(header, "Authorization") == 0)
		return gantry_fail(err, "header: Authorization is for tokens; "
				   "keys need a header of their own");
	return 0;
}

static int api_key_open(void *self, const struct gantry_instance *instance,
			struct gantry_error *err)
{
	struct api_key *a = self;

	/* no issuer of tokens has this name: what a sender keeps is its own */
	snprintf(a->issuer, sizeof(a->issuer), "api-key:%s",
		 gantry_instance_name(instance));
	a->keyring = api_key_keyring_new(a->key_file, err);
	return a->keyring != NULL ? 0 : -1;
}

static void api_key_close(void *self)
{
	struct api_key *a = self;

	api_key_keyring_free(&a->keyring);
}

/* err will say what is wrong with the key, so the file goes to the log. */
static void api_key_refresh(struct api_key *a, struct gantry_message *m,
			    struct gantry_error *err)
{
	int rc = api_key_keyring_refresh(a->keyring, gantry_now_ms(m), err);

	if (rc > 0)
		gantry_log(m, GANTRY_LOG_INFO, "key_file changed: new keys");
	else if (rc < 0)
		gantry_log(m, GANTRY_LOG_ERROR,
			   "key_file changed and cannot be used, the old keys "
			   "stay; \"gantry api-key check\" says why");
}

static enum gantry_access api_key_authenticate(void *self,
					       struct gantry_message *m,
					       struct gantry_error *err)
{
	struct api_key *a = self;
	const struct api_key_sender *sender;
	struct api_key_keys *keys;
	enum gantry_access access = GANTRY_ACCESS_DENIED;
	size_t len;
	const char *key = gantry_credential_in(m, a->header, &len);

	if (key == NULL) {
		gantry_fail(err, "no header %s", a->header);
		return GANTRY_ACCESS_DEFERRED;
	}
	api_key_refresh(a, m, err);
	keys = api_key_keyring_take(a->keyring);
	sender = api_key_keys_find(keys, key, len);
	if (sender != NULL && sender->until_ms != 0 &&
	    gantry_now_ms(m) >= sender->until_ms) {
		gantry_fail(err, "the key of \"%s\" has expired", sender->name);
	} else if (sender != NULL) {
		gantry_identify(m, a->issuer, sender->name);
		for (unsigned i = 0; i < sender->n_roles; i++)
			gantry_grant(m, sender->roles[i]);
		access = GANTRY_ACCESS_GRANTED;
	} else {
		gantry_fail(err, "the header %s has no key that is known",
			    a->header);
	}
	api_key_keys_release(&keys);
	return access;
}

static int api_key_check_file(const char *text, size_t len, struct gantry_error *err)
{
	struct api_key_keys *keys = api_key_keys_new(text, len, err);
	int rc = keys != NULL ? 0 : -1;

	api_key_keys_release(&keys);
	return rc;
}

static const struct gantry_option *const options[] = {
	GANTRY_SECRET_FILE(struct api_key, key_file,
			   .flags = GANTRY_OPTION_REQUIRED,
			   .summary = "Lines of \"name role[,role] hash "
				      "[until=TIME]\"; read again when it changes"),
	GANTRY_TEXT(struct api_key, header, .fallback = "X-Api-Key", .min = 1,
		    .max = 64, .summary = "The header that has the key"),
	NULL,
};

static const struct gantry_auth api_key_auth = {
	.size = sizeof(struct gantry_auth),
	.challenge = "ApiKey",
	.authenticate = api_key_authenticate,
	.enroll = api_key_enroll,
	.check_file = api_key_check_file,
	.scheme = GANTRY_JSON({
		"type": "apiKey", "in": "header", "name": "${header}",
		"description": "A key that the operator made with gantry api-key"}),
};

GANTRY_PLUGIN(.name = "api-key", .version = VERSION_TEXT,
	      .summary = "keys in a header, kept as hashes in a file",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct api_key),
	      .options = options, .check = api_key_check, .open = api_key_open,
	      .close = api_key_close, .auth = &api_key_auth);
