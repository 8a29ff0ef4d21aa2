/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt_host - what the plugin needs of a gateway, over plain memory, and a few
 * helpers to make tokens, good and bad, by hand. Included by one program.
 */
#ifndef UNIT_JWT_HOST_H
#define UNIT_JWT_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gantry/plugin.h>
#include <openssl/hmac.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "plugins/jwt/base64url.h"

#define HOST_NOW_MS INT64_C(1800000000000)
#define HOST_NOW "1800000000"
#define HOST_SECRET "0123456789abcdef0123456789abcdef"

struct gantry_message {
	char credential[20000];
	size_t len;
	int64_t now_ms;
	char issuer[64], subject[64], roles[512];
	size_t role_count;
	char logged[256];
};

const char *gantry_credential(const struct gantry_message *m, size_t *len_out)
{
	*len_out = m->len;
	return m->len == 0 ? NULL : m->credential;
}

void gantry_identify(struct gantry_message *m, const char *issuer,
		     const char *subject)
{
	snprintf(m->issuer, sizeof(m->issuer), "%s", issuer);
	snprintf(m->subject, sizeof(m->subject), "%s", subject ? subject : "");
}

void gantry_grant(struct gantry_message *m, const char *role)
{
	size_t at = strlen(m->roles);

	snprintf(m->roles + at, sizeof(m->roles) - at, "%s;", role);
	m->role_count++;
}

int64_t gantry_now_ms(const struct gantry_message *m)
{
	return m->now_ms;
}

void gantry_log(struct gantry_message *m, enum gantry_level level,
		const char *format, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, format);
	vsnprintf(m->logged, sizeof(m->logged), format, ap);
	va_end(ap);
}

char *gantry_secret(const char *path, size_t *len_out, struct gantry_error *err)
{
	FILE *f = fopen(path, "r");
	char *text;

	if (f == NULL) {
		gantry_fail(err, "%s: cannot be read", path);
		return NULL;
	}
	text = memory_new(65537);
	*len_out = fread(text, 1, 65536, f);
	fclose(f);
	if (*len_out > 0 && text[*len_out - 1] == '\n')
		--*len_out;
	return text;
}

void gantry_secret_free(char **secret, size_t len)
{
	explicit_bzero(*secret, len);
	free(*secret);
	*secret = NULL;
}

/* What the instance keeps, of whatever test asks. */
static struct gantry_document host_document;
static unsigned host_wanted;

int gantry_document_keep(const struct gantry_instance *instance,
			 const struct gantry_document *document,
			 struct gantry_error *err)
{
	(void)instance, (void)err;
	host_document = *document;
	return 0;
}

void gantry_document_want(const struct gantry_instance *instance)
{
	(void)instance;
	host_wanted++;
}

static inline void host_write(const char *path, const char *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* header.payload of these bytes, without a signature. */
static inline char *host_plain_n(const char *header, size_t header_len,
				 const char *payload, size_t payload_len)
{
	char *text = memory_new(header_len * 2 + payload_len * 2 + 8);
	size_t n = jwt_base64_encode((const unsigned char *)header, header_len,
				     text);

	text[n++] = '.';
	jwt_base64_encode((const unsigned char *)payload, payload_len, text + n);
	return text;
}

/* plain, signed with OpenSSL's own HMAC: the plugin has no part in it. */
static inline char *host_sign(const char *plain, const char *secret, size_t len)
{
	unsigned char mac[32];
	unsigned int n = 0;
	char text[64] = "";

	HMAC(EVP_sha256(), secret, (int)len, (const unsigned char *)plain,
	     strlen(plain), mac, &n);
	assert_int_equal(n, 32);
	jwt_base64_encode(mac, n, text);
	return memory_format("%s.%s", plain, text);
}

static inline char *host_token(const char *header, const char *payload)
{
	AUTO_FREE char *plain = host_plain_n(header, strlen(header), payload,
					     strlen(payload));

	return host_sign(plain, HOST_SECRET, strlen(HOST_SECRET));
}

#endif
