/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt - the plugin's rules, one refused token for each; its key file in
 * change, and several threads at once.
 */
#include "tests/unit/jwt_host.h"

#include <pthread.h>
#include <time.h>
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

static const struct gantry_plugin *plugin(void)
{
	return gantry_plugin_entry();
}

static void *option(struct fixture *f, const char *name)
{
	const struct gantry_option *const *o = plugin()->options;

	while (strcmp((*o)->name, name) != 0)
		o++;
	return (char *)f->self + (*o)->offset;
}

static void choose(struct fixture *f, const char *algorithm)
{
	int64_t *choice = option(f, "algorithm");
	const struct gantry_option *const *o = plugin()->options;

	while (strcmp((*o)->name, "algorithm") != 0)
		o++;
	for (*choice = 0; strcmp((*o)->choices[*choice], algorithm) != 0;)
		++*choice;
}

static int setup(void **state)
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

static int teardown(void **state)
{
	struct fixture *f = *state;

	plugin()->close(f->self);
	unlink(f->key_file);
	free(f->self);
	free(f);
	return 0;
}

static enum gantry_access ask(struct fixture *f, const char *scheme,
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

static void granted(struct fixture *f, const char *token)
{
	if (ask(f, "Bearer ", token, strlen(token)) != GANTRY_ACCESS_GRANTED)
		fail_msg("refused: %s", f->err.message);
	assert_string_equal(f->m.issuer, "shop");
}

static void refused_n(struct fixture *f, const char *token, size_t len,
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

static void refused(struct fixture *f, const char *token, const char *why)
{
	refused_n(f, token, strlen(token), why);
}

static void test_good_token(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *token = host_token(HEADER, CLAIMS);

	for (int again = 0; again < 2; again++) { /* verified, then cached */
		granted(f, token);
		assert_string_equal(f->m.subject, "orders");
		assert_string_equal(f->m.roles, "order-service;x;");
	}
	assert_int_equal(ask(f, "bEARER   ", token, strlen(token)),
			 GANTRY_ACCESS_GRANTED);
}

static void test_other_credentials_are_deferred(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *token = host_token(HEADER, CLAIMS);

	f->m.len = 0;
	assert_int_equal(plugin()->auth->authenticate(f->self, &f->m, &f->err),
			 GANTRY_ACCESS_DEFERRED);
	assert_string_equal(f->err.message, "no bearer token");
	assert_int_equal(ask(f, "Basic ", token, strlen(token)),
			 GANTRY_ACCESS_DEFERRED);
	assert_int_equal(ask(f, "Bearer", token, strlen(token)),
			 GANTRY_ACCESS_DEFERRED);
	assert_int_equal(ask(f, "Bearer", "", 0), GANTRY_ACCESS_DEFERRED);
	assert_int_equal(ask(f, "Bearer ", "", 0), GANTRY_ACCESS_DENIED);
	assert_string_equal(f->err.message, "token: not three parts");
}

static const char *const bad_headers[][2] = {
	{ "{\"alg\":\"none\"}", "header: alg is not HS256, which the key is for" },
	{ "{\"alg\":\"None\"}", "header: alg is not HS256, which the key is for" },
	{ "{\"alg\":\"hs256\"}", "header: alg is not HS256, which the key is for" },
	{ "{\"alg\":\"HS384\"}", "header: alg is not HS256, which the key is for" },
	{ "{\"alg\":\"RS256\"}", "header: alg is not HS256, which the key is for" },
	{ "{\"alg\":\"\"}", "header: alg is not HS256, which the key is for" },
	{ "{\"alg\":null}", "header: no alg" },
	{ "{\"alg\":[\"HS256\"]}", "header: no alg" },
	{ "{}", "header: no alg" },
	{ "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "header: \"crit\" is not allowed" },
	{ "{\"alg\":\"HS256\",\"crit\":null}", "header: \"crit\" is not allowed" },
	{ "{\"alg\":\"HS256\",\"b64\":true}", "header: \"b64\" is not allowed" },
	{ "{\"alg\":\"HS256\",\"zip\":\"DEF\"}", "header: \"zip\" is not allowed" },
	{ "{\"alg\":\"HS256\",\"jku\":\"x\"}", "header: \"jku\" is not allowed" },
	{ "{\"alg\":\"HS256\",\"x5u\":\"x\"}", "header: \"x5u\" is not allowed" },
	{ "{\"alg\":\"HS256\",\"jwk\":{}}", "header: \"jwk\" is not allowed" },
	{ "{\"alg\":\"HS256\",\"x5c\":[]}", "header: \"x5c\" is not allowed" },
	{ "{\"alg\":\"HS256\",\"cty\":\"JWT\"}",
	  "header: only alg, typ and kid are allowed" },
	{ "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "header: a member stands twice" },
	{ "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", "header: a member stands twice" },
	{ "{\"alg\":\"HS256\\u0000\"}", "header: not JSON" },
	{ "{\"alg\":\"HS256\"} x", "header: not JSON" },
	{ "{\"alg\":\"HS256\"", "header: not JSON" },
	{ "[\"HS256\"]", "header: not a JSON object" },
	{ "", "header: not JSON" },
	{ "{\"alg\":\"HS256\",\"kid\":7}", "header: kid is not text" },
	{ "{\"alg\":\"HS256\",\"typ\":7}", "header: typ is not text" },
	{ "{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}",
	  "header: typ is neither JWT nor at+jwt" },
	{ "{\"alg\":\"HS256\",\"x\":[[[[[[[[1]]]]]]]]}", "header: deeper than 8 levels" },
	{ "{\"alg\":\"HS256\",\"x\":[[[[[[[1]]]]]]]}",
	  "header: only alg, typ and kid are allowed" },
};

static void test_bad_headers(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(bad_headers); i++) {
		AUTO_FREE char *token = host_token(bad_headers[i][0], CLAIMS);

		refused(*state, token, bad_headers[i][1]);
	}
}

static void test_good_headers(void **state)
{
	static const char *const good[] = {
		"{\"alg\":\"HS256\"}", "{\"alg\":\"HS256\",\"typ\":\"jwt\"}",
		"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"any\"}",
		" { \"typ\" : \"application/at+JWT\", \"alg\" : \"\\u0048S256\" } ",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
		AUTO_FREE char *token = host_token(good[i], CLAIMS);

		granted(*state, token);
	}
}

static const char *const bad_claims[][2] = {
	{ "{" ISS_AUD "}", "claims: exp is missing" },
	{ "{" ISS_AUD ",\"exp\":1800000060.0}", "claims: exp is not a whole number" },
	{ "{" ISS_AUD ",\"exp\":\"1800000060\"}", "claims: exp is not a whole number" },
	{ "{" ISS_AUD ",\"exp\":null}", "claims: exp is not a whole number" },
	{ "{" ISS_AUD ",\"exp\":-1}", "claims: exp is out of range" },
	{ "{" ISS_AUD ",\"exp\":9223372036854775807}", "claims: exp is out of range" },
	{ "{" ISS_AUD ",\"exp\":9223372036854775808}", "claims: not JSON" },
	{ "{" ISS_AUD ",\"exp\":1799999970}", "claims: the token has expired" },
	{ "{" ISS_AUD ",\"exp\":0}", "claims: the token has expired" },
	{ "{" ISS_AUD "," EXP ",\"exp\":1}", "claims: a member stands twice" },
	{ "{" ISS_AUD "," EXP ",\"nbf\":1800000031}", "claims: the token is not valid yet" },
	{ "{" ISS_AUD "," EXP ",\"nbf\":1.5}", "claims: nbf is not a whole number" },
	{ "{" ISS_AUD "," EXP ",\"iat\":1800000031}",
	  "claims: the token was issued in the future" },
	{ "{" ISS_AUD "," EXP ",\"iat\":\"x\"}", "claims: iat is not a whole number" },
	{ "{" ISS_AUD ",\"exp\":1800086401}",
	  "claims: the token lives longer than max_lifetime" },
	{ "{" ISS_AUD "," EXP ",\"iat\":1799913659}",
	  "claims: the token lives longer than max_lifetime" },
	{ "{\"aud\":\"inventory\"," EXP "}", "claims: iss is missing" },
	{ "{\"iss\":\"shop2\",\"aud\":\"inventory\"," EXP "}",
	  "claims: iss is another issuer" },
	{ "{\"iss\":\"sho\",\"aud\":\"inventory\"," EXP "}",
	  "claims: iss is another issuer" },
	{ "{\"iss\":\"Shop\",\"aud\":\"inventory\"," EXP "}",
	  "claims: iss is another issuer" },
	{ "{\"iss\":[\"shop\"],\"aud\":\"inventory\"," EXP "}",
	  "claims: iss is another issuer" },
	{ "{\"iss\":\"shop\\u0000\",\"aud\":\"inventory\"," EXP "}", "claims: not JSON" },
	{ "{\"iss\":\"shop\"," EXP "}", "claims: aud is missing" },
	{ "{\"iss\":\"shop\",\"aud\":\"inventory-service\"," EXP "}",
	  "claims: aud is another audience" },
	{ "{\"iss\":\"shop\",\"aud\":\"invent\"," EXP "}",
	  "claims: aud is another audience" },
	{ "{\"iss\":\"shop\",\"aud\":\"\"," EXP "}", "claims: aud is another audience" },
	{ "{\"iss\":\"shop\",\"aud\":[]," EXP "}", "claims: aud is another audience" },
	{ "{\"iss\":\"shop\",\"aud\":[\"a\",\"inventory2\"]," EXP "}",
	  "claims: aud is another audience" },
	{ "{\"iss\":\"shop\",\"aud\":[\"inventory\",7]," EXP "}",
	  "claims: aud is not text or a list of texts" },
	{ "{\"iss\":\"shop\",\"aud\":{\"inventory\":1}," EXP "}",
	  "claims: aud is another audience" },
	{ "{" ISS_AUD "," EXP ",\"sub\":\"\"}", "claims: sub is not 1 to 255 bytes of text" },
	{ "{" ISS_AUD "," EXP ",\"sub\":7}", "claims: sub is not 1 to 255 bytes of text" },
	{ "{" ISS_AUD "," EXP ",\"roles\":\"admin\"}", "claims: roles is not a list" },
	{ "{" ISS_AUD "," EXP ",\"roles\":[\"a\",7]}",
	  "claims: roles is not a list of texts" },
	{ "{" ISS_AUD "," EXP ",\"role\":[\"admin\"]}", "claims: role is not text" },
	{ "{" ISS_AUD "," EXP ",\"x\":[[[[[[[[1]]]]]]]]}", "claims: deeper than 8 levels" },
	{ "{" ISS_AUD "," EXP ",\"x\":\"\\", "claims: not JSON" },
	{ "", "claims: not JSON" },
	{ "7", "claims: not JSON" },
	{ "[]", "claims: not a JSON object" },
};

static void test_bad_claims(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(bad_claims); i++) {
		AUTO_FREE char *token = host_token(HEADER, bad_claims[i][0]);

		refused(*state, token, bad_claims[i][1]);
	}
}

/* Claims that are good, and the roles they give. */
static const char *const good_claims[][2] = {
	{ "{" ISS_AUD ",\"exp\":1799999971}", "" },
	{ "{" ISS_AUD "," EXP ",\"nbf\":1800000030,\"iat\":1800000030}", "" },
	{ "{" ISS_AUD ",\"exp\":1800086400,\"iat\":1800000000}", "" },
	{ "{" ISS_AUD ",\"exp\":1800086400}", "" },
	{ "{\"iss\":\"shop\",\"aud\":[\"a\",\"inventory\"]," EXP "}", "" },
	{ "{" ISS_AUD "," EXP ",\"role\":\"one\"}", "one;" },
	{ "{" ISS_AUD "," EXP ",\"roles\":[],\"role\":\"one\"}", "" },
	{ "{" ISS_AUD "," EXP ",\"roles\":[\"a\",\"b\"],\"role\":\"c\"}", "a;b;" },
	{ "{" ISS_AUD "," EXP ",\"x\":\"[[[[[[[[[[\\\"[\"}", "" },
	{ "{" ISS_AUD "," EXP ",\"roles\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"]}",
	  "1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;" },
};

static void test_good_claims(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(good_claims); i++) {
		AUTO_FREE char *token = host_token(HEADER, good_claims[i][0]);

		for (int again = 0; again < 2; again++) {
			granted(f, token);
			assert_string_equal(f->m.roles, good_claims[i][1]);
			assert_string_equal(f->m.subject, "");
		}
	}
}

static void test_form(void **state)
{
	AUTO_FREE char *token = host_token(HEADER, CLAIMS);
	AUTO_FREE char *padded = memory_format("%s=", token);
	AUTO_FREE char *four = memory_format("%s.AAAA", token);
	AUTO_FREE char *two = memory_text_n(token, (size_t)(strrchr(token, '.') - token));
	AUTO_FREE char *unsigned_one = memory_format("%s.", two);
	AUTO_FREE char *space = memory_format("%s ", token);
	AUTO_FREE char *loose = memory_text(token);
	AUTO_FREE char *json = memory_format("{\"payload\":\"%s\"}", token);

	refused(*state, padded, "signature: not base64url");
	refused(*state, four, "token: not three parts");
	refused(*state, two, "token: not three parts");
	refused(*state, unsigned_one, "signature: wrong");
	refused(*state, space, "signature: not base64url");
	refused(*state, json, "header: not base64url");
	refused(*state, "..", "header: not JSON");
	loose[strlen(loose) - 1]++;	/* 32 bytes leave two spare bits */
	refused(*state, loose, "signature: not base64url");
	refused_n(*state, token, strlen(token) + 1, "signature: not base64url");
}

static void test_header_and_payload_are_strict(void **state)
{
	AUTO_FREE char *plain = host_plain_n(HEADER, strlen(HEADER), CLAIMS "\0", sizeof(CLAIMS));
	AUTO_FREE char *nul = host_sign(plain, HOST_SECRET, 32);
	AUTO_FREE char *odd = memory_format("%s=", plain);
	AUTO_FREE char *padded = host_sign(odd, HOST_SECRET, 32);
	AUTO_FREE char *before = memory_format("=%s", plain);
	AUTO_FREE char *head = host_sign(before, HOST_SECRET, 32);

	refused(*state, nul, "claims: not JSON");
	refused(*state, padded, "payload: not base64url");
	refused(*state, head, "header: not base64url");
}

/* The signature comes first: a forged token never gets to its claims. */
static void test_signature_before_claims(void **state)
{
	AUTO_FREE char *plain = host_plain_n(HEADER, strlen(HEADER), "not json", 8);
	AUTO_FREE char *forged = host_sign(plain, "another secret of enough length!", 32);
	AUTO_FREE char *true_one = host_sign(plain, HOST_SECRET, 32);

	refused(*state, forged, "signature: wrong");
	refused(*state, true_one, "claims: not JSON");
}

static char *token_of_length(size_t len)
{
	for (size_t n = (len - 160) / 4 * 3 - 200; n < len; n++) {
		AUTO_FREE char *filler = memory_new(n + 1);
		AUTO_FREE char *claims = NULL;
		char *token;

		memset(filler, 'x', n);
		claims = memory_format("{" ISS_AUD "," EXP ",\"x\":\"%s\"}", filler);
		token = host_token(HEADER, claims);
		if (strlen(token) >= len)
			return token;
		free(token);
	}
	return NULL;
}

static void test_length(void **state)
{
	AUTO_FREE char *fits = token_of_length(8191);
	AUTO_FREE char *over = token_of_length(8193);

	assert_in_range(strlen(fits), 8191, 8192);
	granted(*state, fits);
	refused(*state, over, "token: longer than 8192 bytes");
}

static void test_expiry_at_a_hit(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *token = host_token(HEADER, CLAIMS);

	granted(f, token);
	f->m.now_ms = HOST_NOW_MS + 60000 + 29999;
	granted(f, token);
	f->m.now_ms++;
	refused(f, token, "claims: the token has expired");
}

/* The time of a second content must differ from that of the first. */
static void change_file(struct fixture *f, const char *text)
{
	struct timespec tick = { 0, 20000000 };

	nanosleep(&tick, NULL);
	host_write(f->key_file, text, strlen(text));
}

static void test_key_file_changes(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *token = host_token(HEADER, CLAIMS);
	AUTO_FREE char *plain = host_plain_n(HEADER, strlen(HEADER), CLAIMS,
					     strlen(CLAIMS));
	AUTO_FREE char *newer = host_sign(plain, "another secret of enough length!", 32);

	granted(f, token);
	change_file(f, "another secret of enough length!");
	f->m.now_ms += 999;
	granted(f, token);	/* looked less than a second ago */
	f->m.now_ms += 1;
	refused(f, token, "signature: wrong");	/* also those in the cache */
	assert_string_equal(f->m.logged, "key_file changed: new keys");
	granted(f, newer);
}

static void test_broken_key_file_changes_nothing(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *token = host_token(HEADER, CLAIMS);

	change_file(f, "short");
	f->m.now_ms += 1000;
	granted(f, token);
	assert_string_equal(f->m.logged,
			    "key_file changed and cannot be used, the old keys stay; \"gantry token verify --jwk\" says why");
	f->m.logged[0] = '\0';
	f->m.now_ms += 1000;
	granted(f, token);
	assert_string_equal(f->m.logged, "");	/* said once */
	unlink(f->key_file);
	f->m.now_ms += 1000;
	granted(f, token);
	assert_string_not_equal(f->m.logged, "");
	change_file(f, HOST_SECRET);
	f->m.now_ms += 1000;
	granted(f, token);
	assert_string_equal(f->m.logged, "key_file changed: new keys");
}

/* The example of RFC 8037, appendix A. */
#define ED_PUBLIC "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\","         \
		  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define ED_PRIVATE "{" ED_PUBLIC ",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}"

/* An instance whose keys are fetched. */
static void fetching(struct fixture *f)
{
	plugin()->close(f->self);
	*(const char **)option(f, "key_file") = NULL;
	*(const char **)option(f, "key_upstream") = "idp";
	*(const char **)option(f, "key_path") = "/keys";
	*(int64_t *)option(f, "key_refresh") = 60000;
	choose(f, "from-key");
	assert_int_equal(plugin()->check(f->self, &f->err), 0);
	assert_int_equal(plugin()->open(f->self, NULL, &f->err), 0);
	host_wanted = 0;
}

static void takes_not(struct fixture *f, const char *set, const char *why)
{
	error_reset(&f->err);
	assert_int_equal(host_document.take(f->self, set, strlen(set), &f->err), -1);
	assert_string_equal(f->err.message, why);
}

static void test_fetched_keys(void **state)
{
	static const char set[] = " {\"keys\":[{" ED_PUBLIC "}]}";
	struct fixture *f = *state;
	AUTO_FREE char *ours = host_token(HEADER, CLAIMS);
	json_t *claims = json_loads(CLAIMS, 0, NULL);
	char token[GANTRY_TOKEN_SIZE];

	fetching(f);
	assert_string_equal(host_document.upstream, "idp");
	assert_string_equal(host_document.path, "/keys");
	assert_int_equal(host_document.every_ms, 60000);
	assert_int_equal(plugin()->auth->mint(&GANTRY_TOKEN_KEY(.bytes = ED_PRIVATE,
			.len = strlen(ED_PRIVATE)), claims, token, &f->err), 0);
	refused(f, token, "no keys have come from key_upstream yet");
	assert_int_equal(host_document.take(f->self, set, strlen(set), &f->err), 0);
	granted(f, token);
	assert_int_equal(host_wanted, 0);
	/* a key that is not there may be there now */
	refused(f, ours, "header: alg is not EdDSA, which the key is for");
	assert_true(host_wanted > 0);
	takes_not(f, "-----BEGIN PUBLIC KEY-----", "not a JWK Set");
	takes_not(f, HOST_SECRET, "not a JWK Set");
	takes_not(f, "", "not a JWK Set");
	takes_not(f, "{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":"
		     "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}",
		  "holds a secret, which everybody can read there");
	refused(f, ours, "header: alg is not EdDSA, which the key is for");
	granted(f, token);	/* the keys before stay */
	error_reset(&f->err);
	assert_int_equal(plugin()->auth->issue(f->self, NULL, claims, token, &f->err), -1);
	assert_string_equal(f->err.message, "the keys of key_upstream cannot sign");
	json_decref(claims);
}

static void test_issue(void **state)
{
	struct fixture *f = *state;
	json_t *claims = json_pack("{s:s, s:i, s:[s]}", "aud", "inventory", "exp",
				   1800000060, "roles", "order-service");
	char token[GANTRY_TOKEN_SIZE];

	assert_int_equal(plugin()->auth->issue(f->self, NULL, claims, token, &f->err), 0);
	granted(f, token);	/* with the issuer that it looks for */
	assert_null(json_object_get(claims, "iss"));
	change_file(f, "short");
	assert_int_equal(plugin()->auth->issue(f->self, NULL, claims, token, &f->err), -1);
	json_decref(claims);
}

static void test_where_the_keys_are(void **state)
{
	struct fixture *f = *state;

	*(const char **)option(f, "key_upstream") = "idp";
	assert_int_equal(plugin()->check(f->self, &f->err), -1);
	assert_string_equal(f->err.message, "key_file and key_upstream: only one of them");
	*(const char **)option(f, "key_file") = NULL;
	assert_int_equal(plugin()->check(f->self, &f->err), -1);
	assert_string_equal(f->err.message, "algorithm: HS256 is for secrets, which no "
					    "key_upstream has");
	*(const char **)option(f, "key_upstream") = NULL;
	assert_int_equal(plugin()->check(f->self, &f->err), -1);
	assert_string_equal(f->err.message, "key_file: missing, and so is key_upstream");
}

static void test_open_refuses(void **state)
{
	struct fixture *f = *state;
	void *other = memory_new(plugin()->instance_size);

	memcpy(other, f->self, plugin()->instance_size);
	host_write(f->key_file, "short", 5);
	assert_int_equal(plugin()->open(other, NULL, &f->err), -1);
	assert_string_equal(f->err.message,
			    "raw: an HMAC secret of 5 bytes; at least 32 are needed");
	free(other);
}

/* Four threads, more tokens than the cache holds, keys that change. */
struct worker {
	struct fixture *f;
	char **tokens;
	int number, wrong;
};

#define WORK_TOKENS 96
#define WORK_ROUNDS 4000

static void *work(void *arg)
{
	struct worker *w = arg;
	struct gantry_message *m = memory_new(sizeof(*m));
	struct gantry_error err = ERROR_INIT;

	for (int i = 0; i < WORK_ROUNDS; i++) {
		int k = (i * 7 + w->number) % WORK_TOKENS;
		enum gantry_access want = k % 8 == 0 ? GANTRY_ACCESS_DENIED :
						       GANTRY_ACCESS_GRANTED;

		m->now_ms = HOST_NOW_MS + i * 10;
		m->len = (size_t)snprintf(m->credential, sizeof(m->credential),
					  "Bearer %s", w->tokens[k]);
		m->roles[0] = '\0';
		w->wrong += plugin()->auth->authenticate(w->f->self, m, &err) != want;
		if (i % 100 == 0 && w->number == 0)
			host_write(w->f->key_file, HOST_SECRET "\n",
				   (size_t)(32 + i / 100 % 2));
	}
	free(m);
	return NULL;
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	struct worker workers[4];
	pthread_t threads[4];
	char *tokens[WORK_TOKENS];

	plugin()->close(f->self);
	*(int64_t *)option(f, "cache") = 32;
	assert_int_equal(plugin()->open(f->self, NULL, &f->err), 0);
	for (int k = 0; k < WORK_TOKENS; k++) {
		AUTO_FREE char *claims = memory_format(
			"{" ISS_AUD "," EXP ",\"sub\":\"s%d\",\"roles\":[\"r\"]}", k);

		tokens[k] = host_token(HEADER, claims);
		if (k % 8 == 0)
			tokens[k][strlen(tokens[k]) - 5] ^= 1;
	}
	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){ f, tokens, i, 0 };
		pthread_create(&threads[i], NULL, work, &workers[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].wrong, 0);
	}
	for (int k = 0; k < WORK_TOKENS; k++)
		free(tokens[k]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good_token),
		TEST(test_other_credentials_are_deferred),
		TEST(test_bad_headers),
		TEST(test_good_headers),
		TEST(test_bad_claims),
		TEST(test_good_claims),
		TEST(test_form),
		TEST(test_header_and_payload_are_strict),
		TEST(test_signature_before_claims),
		TEST(test_length),
		TEST(test_expiry_at_a_hit),
		TEST(test_key_file_changes),
		TEST(test_broken_key_file_changes_nothing),
		TEST(test_fetched_keys),
		TEST(test_issue),
		TEST(test_where_the_keys_are),
		TEST(test_open_refuses),
		TEST(test_threads),
	};

	return cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
}
