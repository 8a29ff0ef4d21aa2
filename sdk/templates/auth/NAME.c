/* SPDX-License-Identifier: Apache-2.0 */
/*
 * @NAME@ - say here whom it lets in.
 *
 * As it stands it knows one sender, by the secret in a header.
 */
#include <gantry/plugin.h>
#include <string.h>

struct @IDENT@ {
	const char *header, *subject, *role, *secret_file;
	char *secret;
	size_t len;
};

/* What the configuration may say; filled in before open() is called. */
static const struct gantry_option *const options[] = {
	GANTRY_SECRET_FILE(struct @IDENT@, secret_file,
			   .flags = GANTRY_OPTION_REQUIRED,
			   .summary = "The file with the secret"),
	GANTRY_TEXT(struct @IDENT@, header, .fallback = "X-Secret",
		    .summary = "The header that brings it"),
	GANTRY_TEXT(struct @IDENT@, subject, .fallback = "@NAME@",
		    .summary = "What the sender is called in logs and audits"),
	GANTRY_TEXT(struct @IDENT@, role, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "The role that it has"),
	NULL
};

static int @IDENT@_open(void *self, const struct gantry_instance *instance,
		       struct gantry_error *err)
{
	struct @IDENT@ *p = self;

	(void)instance;
	p->secret = gantry_secret(p->secret_file, &p->len, err);
	if (p->secret != NULL && p->len < 16) {
		gantry_secret_free(&p->secret, p->len);
		return gantry_fail(err, "%s: shorter than 16 bytes", p->secret_file);
	}
	return p->secret != NULL ? 0 : -1;
}

static void @IDENT@_close(void *self)
{
	struct @IDENT@ *p = self;

	gantry_secret_free(&p->secret, p->len);
}

/* Takes as long for a wrong secret as for the right one. */
static bool @IDENT@_is_it(const struct @IDENT@ *p, const char *text, size_t len)
{
	unsigned char differs = len != p->len;

	for (size_t i = 0; i < len; i++)
		differs |= (unsigned char)(text[i] ^ p->secret[i % p->len]);
	return differs == 0;
}

/* On a thread that serves sockets, several at once: it must not wait. */
static enum gantry_access @IDENT@_authenticate(void *self, struct gantry_message *m,
					      struct gantry_error *err)
{
	const struct @IDENT@ *p = self;
	const char *text;
	size_t len;

	text = gantry_credential_in(m, p->header, &len);
	if (text == NULL)
		return GANTRY_ACCESS_DEFERRED;
	if (!@IDENT@_is_it(p, text, len)) {
		gantry_fail(err, "the secret is wrong");
		return GANTRY_ACCESS_DENIED;
	}
	gantry_identify(m, "", p->subject);
	gantry_grant(m, p->role);
	return GANTRY_ACCESS_GRANTED;
}

static const struct gantry_auth auth = {
	.size = sizeof(struct gantry_auth),
	.challenge = "Secret",
	.authenticate = @IDENT@_authenticate,
};

GANTRY_PLUGIN(.name = "@NAME@", .version = "1.0.0",
	      .summary = "Knows a sender by a secret in a header",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct @IDENT@),
	      .options = options, .open = @IDENT@_open, .close = @IDENT@_close,
	      .auth = &auth);
