/* SPDX-License-Identifier: Apache-2.0 */
/* jwt - the plugin's rules, one refused token for each. */
#include "tests/unit/jwt_ask.h"

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
	};

	return cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
}
