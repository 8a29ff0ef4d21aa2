/* SPDX-License-Identifier: Apache-2.0 */
/* api_key_host - what the plugin needs of a gateway. Included by one program. */
#ifndef UNIT_API_KEY_HOST_H
#define UNIT_API_KEY_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gantry/plugin.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "plugins/api-key/keys.h"

#define NOW INT64_C(1800000000000)
#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct gantry_message {
	const char *name, *value;	/* the only header */
	int64_t now_ms;
	char issuer[256], subject[256], roles[512];
	char logged[256];
};

const char *gantry_credential_in(struct gantry_message *m, const char *header,
				 size_t *len_out)
{
	*len_out = 0;
	if (m->value == NULL || strcmp(header, m->name) != 0)
		return NULL;
	*len_out = strlen(m->value);
	return m->value;
}

void gantry_identify(struct gantry_message *m, const char *issuer,
		     const char *subject)
{
	snprintf(m->issuer, sizeof(m->issuer), "%s", issuer);
	snprintf(m->subject, sizeof(m->subject), "%s", subject);
}

void gantry_grant(struct gantry_message *m, const char *role)
{
	size_t at = strlen(m->roles);

	snprintf(m->roles + at, sizeof(m->roles) - at, "%s;", role);
}

int64_t gantry_now_ms(const struct gantry_message *m)
{
	return m->now_ms;
}

bool gantry_parse_time(const char *text, size_t len, int64_t *ms_out)
{
	return clock_parse(text, len, ms_out);
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

const char *gantry_instance_name(const struct gantry_instance *instance)
{
	(void)instance;
	return "partners";
}

char *gantry_secret(const char *path, size_t *len_out, struct gantry_error *err)
{
	FILE *f = fopen(path, "r");
	char *text;

	if (f == NULL) {
		gantry_fail(err, "cannot open %s", path);
		return NULL;
	}
	text = memory_new(65537);
	*len_out = fread(text, 1, 65536, f);
	fclose(f);
	return text;
}

void gantry_secret_free(char **secret, size_t len)
{
	explicit_bzero(*secret, len);
	free(*secret);
	*secret = NULL;
}

static inline void hash_text(const char *key, char out[65])
{
	unsigned char hash[API_KEY_HASH];

	api_key_hash(key, strlen(key), hash);
	for (int i = 0; i < API_KEY_HASH; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

#endif
