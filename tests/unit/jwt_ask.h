/* SPDX-License-Identifier: Apache-2.0 */
/* jwt_ask - an instance of the plugin with a key file, and what it is asked.
   Included by one program. */
#ifndef UNIT_JWT_ASK_H
#define UNIT_JWT_ASK_H

#include "tests/unit/jwt_host.h"

#include <unistd.h>

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define ISS_AUD "\"iss\":\"shop\",\"aud\":\"inventory\""
#define EXP "\"exp\":1800000060"
#define CLAIMS "{" ISS_AUD "," EXP ",\"sub\":\"orders\",\"roles\":[\"order-service\",\"x\"]}"

struct fixture {
	void *self;
	char key_file[64];
	struct gantry_message m;
	struct gantry_error err;
};

static inline const struct gantry_plugin *plugin(void)
{
	return gantry_plugin_entry();
}

static inline void *option(struct fixture *f, const char *name)
{
	const struct gantry_option *const *o = plugin()->options;

	while (strcmp((*o)->name, name) != 0)
		o++;
	return (char *)f->self + (*o)->offset;
}

static inline void choose(struct fixture *f, const char *algorithm)
{
	int64_t *choice = option(f, "algorithm");
	const struct gantry_option *const *o = plugin()->options;

	while (strcmp((*o)->name, "algorithm") != 0)
		o++;
	for (*choice = 0; strcmp((*o)->choices[*choice], algorithm) != 0;)
		++*choice;
}

static inline int setup(void **state)
{
	struct fixture *f = memory_new(sizeof(*f));
	int fd;

	strcpy(f->key_file, "/tmp/gantry-unit-jwt-XXXXXX");
	fd = mkstemp(f->key_file);
	assert_true(fd >= 0);
	close(fd);
	host_write(f->key_file, HOST_SECRET "\n", 33);
	f->self = memory_new(plugin()->instance_size);
	f->m.now_ms = HOST_NOW_MS;
	*(const char **)option(f, "key_file") = f->key_file;
	*(const char **)option(f, "issuer") = "shop";
	*(const char **)option(f, "audience") = "inventory";
	*(int64_t *)option(f, "leeway") = 30000;
	*(int64_t *)option(f, "max_lifetime") = 86400000;
	*(int64_t *)option(f, "cache") = 4096;
	choose(f, "HS256");
	*state = f;
	return plugin()->open(f->self, NULL, &f->err);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	plugin()->close(f->self);
	unlink(f->key_file);
	free(f->self);
	free(f);
	return 0;
}

static inline enum gantry_access ask(struct fixture *f, const char *scheme,
			      const char *token, size_t len)
{
	size_t n = strlen(scheme);

	assert_true(n + len < sizeof(f->m.credential));
	memcpy(f->m.credential, scheme, n);
	memcpy(f->m.credential + n, token, len);
	f->m.credential[n + len] = '\0';
	f->m.len = n + len;
	f->m.roles[0] = f->m.issuer[0] = f->m.subject[0] = '\0';
	f->m.role_count = 0;
	error_reset(&f->err);
	return plugin()->auth->authenticate(f->self, &f->m, &f->err);
}

static inline void granted(struct fixture *f, const char *token)
{
	if (ask(f, "Bearer ", token, strlen(token)) != GANTRY_ACCESS_GRANTED)
		fail_msg("refused: %s", f->err.message);
	assert_string_equal(f->m.issuer, "shop");
}

static inline void refused_n(struct fixture *f, const char *token, size_t len,
		      const char *why)
{
	for (int again = 0; again < 2; again++) { /* and is not remembered */
		assert_int_equal(ask(f, "Bearer ", token, len),
				 GANTRY_ACCESS_DENIED);
		assert_string_equal(f->err.message, why);
		assert_string_equal(f->m.issuer, "");
		assert_int_equal(f->m.role_count, 0);
	}
}

static inline void refused(struct fixture *f, const char *token, const char *why)
{
	refused_n(f, token, strlen(token), why);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
