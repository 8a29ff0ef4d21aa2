/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt_key - base64url, key files, and tokens made and checked without an
 * instance.
 */
#include "tests/unit/jwt_host.h"

#include <openssl/pem.h>

#include "plugins/jwt/verify.h"

#define CHARS(s) s, sizeof(s) - 1

static const struct gantry_auth *auth(void)
{
	return gantry_plugin_entry()->auth;
}

static void test_base64url_round_trip(void **state)
{
	unsigned char bytes[300], back[JWT_BASE64_BYTES(JWT_BASE64_CHARS(300))];
	char text[JWT_BASE64_CHARS(300)];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 167 + 13);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		size_t chars = jwt_base64_encode(bytes, len, text);

		assert_int_equal(chars, JWT_BASE64_CHARS(len));
		assert_int_equal(jwt_base64_decode(text, chars, back, &n), 0);
		assert_int_equal(n, len);
		assert_memory_equal(back, bytes, len);
	}
}

static void test_base64url_is_strict(void **state)
{
	static const char *const bad[] = { "A",	   "AB==", "AB=",  "AA+A", "AA/A",
					   "AB",   "AAB",  "AA A", "AA\nA",
					   "AAA.", "AAAAA", "\xc3\xa4" };
	unsigned char out[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		if (jwt_base64_decode(bad[i], strlen(bad[i]), out, &n) == 0)
			fail_msg("accepted \"%s\"", bad[i]);
	assert_int_equal(jwt_base64_decode("AA\0A", 4, out, &n), -1);
	assert_int_equal(jwt_base64_decode("_-8", 3, out, &n), 0);
	assert_int_equal(out[0], 0xff);
	assert_int_equal(out[1], 0xef);
}

/* The examples of RFC 7515, A.1 to A.3, and RFC 8037, A.4. */
#define JOE "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC_RSA \
	"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}"
#define RFC_EC                                                            \
	"{\"kty\":\"EC\",\"crv\":\"P-256\","                               \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","           \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","           \
	"\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"
#define RFC_ED                                                          \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\","                          \
	"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define RFC_ED_PRIVATE                                                  \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\","        \
	"\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","         \
	"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

struct vector {
	const char *algorithm, *jwk, *token;
};

static const struct vector vectors[] = {
	{ "HS256",
	  "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
	  "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE
	  ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" },
	{ "RS256", RFC_RSA,
	  "eyJhbGciOiJSUzI1NiJ9." JOE
	  ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw" },
	{ "ES256", RFC_EC,
	  "eyJhbGciOiJFUzI1NiJ9." JOE
	  ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
	{ "EdDSA", RFC_ED,
	  "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
	  ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg" },
};

/* Check; returns the message, "" if the token is good. Not for two at once. */
static const char *check_bytes(const char *algorithm, const char *bytes,
			       size_t len, const char *token, bool signature_only)
{
	static struct gantry_error err;
	struct gantry_token_key key = GANTRY_TOKEN_KEY(
		.bytes = bytes, .len = len, .algorithm = algorithm);
	struct gantry_token_rules rules = GANTRY_TOKEN_RULES(
		.signature_only = signature_only, .now_ms = HOST_NOW_MS);

	error_reset(&err);
	if (auth()->check(&key, &rules, token, &err) == 0)
		return "";
	assert_string_not_equal(err.message, "");
	return err.message;
}

static const char *check_signature(const char *algorithm, const char *key,
				   const char *token)
{
	return check_bytes(algorithm, key, strlen(key), token, true);
}

static void test_rfc_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++) {
		const struct vector *v = &vectors[i];
		AUTO_FREE char *bad = memory_text(v->token);

		assert_string_equal(check_signature(v->algorithm, v->jwk, v->token),
				    "");
		strchr(bad, '.')[3] ^= 1;
		assert_string_equal(check_signature(v->algorithm, v->jwk, bad),
				    "signature: wrong");
	}
	assert_string_equal(check_bytes("HS256", vectors[0].jwk,
					strlen(vectors[0].jwk), vectors[0].token,
					false),
			    "claims: the token has expired");
}

/* A key says one algorithm; the token cannot choose another. */
static void test_algorithm_is_the_keys(void **state)
{
	AUTO_FREE char *ps = memory_text(vectors[1].token);

	(void)state;
	memcpy(ps, "eyJhbGciOiJQUzI1NiJ9", 20);
	assert_string_equal(check_signature("RS256", RFC_RSA, ps),
			    "header: alg is not RS256, which the key is for");
	assert_string_equal(check_signature("PS256", RFC_RSA, vectors[1].token),
			    "header: alg is not PS256, which the key is for");
	assert_string_equal(check_signature("PS256", RFC_RSA, ps),
			    "signature: wrong");
	assert_string_equal(check_signature("ES256", RFC_RSA, vectors[1].token),
			    "JWK: this type of key is no key for ES256");
	assert_string_equal(check_signature("HS256", RFC_RSA, vectors[1].token),
			    "JWK: this type of key is no key for HS256");
	assert_string_equal(check_signature("RS256", vectors[0].jwk, vectors[0].token),
			    "JWK: an HMAC secret is no key for RS256");
	assert_string_equal(check_signature("none", RFC_RSA, vectors[1].token),
			    "algorithm: none of HS256, RS256, PS256, ES256 and EdDSA");
}

/* The ES256 example with these bytes for its signature. */
static const char *check_es256(const unsigned char *bytes, size_t n)
{
	const struct vector *v = &vectors[2];
	size_t head = (size_t)(strrchr(v->token, '.') + 1 - v->token);
	AUTO_FREE char *token = memory_new(head + JWT_BASE64_CHARS(n) + 1);

	memcpy(token, v->token, head);
	jwt_base64_encode(bytes, n, token + head);
	return check_signature("ES256", v->jwk, token);
}

static void test_es256_signature_length(void **state)
{
	const char *text = strrchr(vectors[2].token, '.') + 1;
	unsigned char good[JWT_BASE64_BYTES(86)], wide[66] = { 0 };
	static const unsigned char zero[2000];
	size_t n;

	(void)state;
	assert_int_equal(jwt_base64_decode(text, 86, good, &n), 0);
	assert_int_equal(n, 64);
	assert_string_equal(check_es256(good, 64), "");
	memcpy(wide + 1, good, 32);	/* the same two numbers, wider */
	memcpy(wide + 34, good + 32, 32);
	assert_string_equal(check_es256(wide, 66), "signature: wrong");
	memcpy(wide, good, 64);
	wide[64] = wide[65] = 0;
	assert_string_equal(check_es256(wide, 65), "signature: wrong");
	assert_string_equal(check_es256(wide, 66), "signature: wrong");
	assert_string_equal(check_es256(good, 63), "signature: wrong");
	assert_string_equal(check_es256(zero, 64), "signature: wrong");
	assert_string_equal(check_es256(zero, 0), "signature: wrong");
	assert_string_equal(check_es256(zero, 1025), "signature: wrong");
	assert_string_equal(check_es256(zero, 2000), "signature: wrong");
}

struct bad_key {
	const char *algorithm, *bytes, *why;
};

static const struct bad_key bad_keys[] = {
	{ "HS256", "short", "raw: an HMAC secret of 5 bytes; at least 32 are needed" },
	{ NULL, HOST_SECRET, "an HMAC secret needs an algorithm" },
	{ "RS256", HOST_SECRET, "raw: an HMAC secret is no key for RS256" },
	{ "RS256", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
	  "no public or private key that can be read in this PEM text" },
	{ "HS256", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
	  "a PEM key is no HMAC secret" },
	{ NULL, "-----BEGIN PUBLIC KEY-----\n", "a PEM key needs an algorithm" },
	{ "HS256", "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qz", "JWK: not JSON" },
	{ "HS256", "{\"kty\":\"oct\",\"kty\":\"oct\"}", "JWK: a member stands twice" },
	{ "HS256", "{\"kty\":\"oct\"}", "JWK: \"k\" is missing" },
	{ "HS256", "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
	  "JWK: an HMAC secret of 3 bytes; at least 32 are needed" },
	{ "HS256", "{\"kty\":\"oct\",\"k\":\"AAAA=\"}", "JWK: \"k\" is not base64url" },
	{ "HS256", "{\"kty\":\"oct\",\"k\":7}", "JWK: \"k\" is not base64url" },
	{ "HS256", "{\"k\":\"AAAA\"}", "JWK: \"kty\" is none of oct, RSA, EC and OKP" },
	{ NULL, "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
	  "JWK: no \"alg\", and no algorithm is configured" },
	{ NULL, "{\"kty\":\"oct\",\"alg\":\"HS512\"}",
	  "JWK: \"alg\" is none of HS256, RS256, PS256, ES256 and EdDSA" },
	{ NULL, "{\"kty\":\"oct\",\"alg\":\"none\"}",
	  "JWK: \"alg\" is none of HS256, RS256, PS256, ES256 and EdDSA" },
	{ "RS256", "{\"kty\":\"oct\",\"alg\":\"HS256\"}",
	  "JWK: \"alg\" is HS256, but RS256 is configured" },
	{ NULL, "{\"kty\":\"oct\",\"alg\":1}", "JWK: \"alg\" is not text" },
	{ "HS256", "{\"kty\":\"oct\",\"use\":\"enc\"}", "JWK: \"use\" is not sig" },
	{ "HS256", "{\"kty\":\"oct\",\"key_ops\":[\"sign\"]}",
	  "JWK: \"key_ops\" has no verify" },
	{ "HS256", "{\"kty\":\"oct\",\"key_ops\":\"verify\"}",
	  "JWK: \"key_ops\" has no verify" },
	{ "HS256", "{\"kty\":\"oct\",\"kid\":\"\"}",
	  "JWK: \"kid\" is not 1 to 255 bytes of text" },
	{ "RS256", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "JWK: \"n\" is missing" },
	{ "RS256", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
	  "JWK: an RSA key of 17 bits; 2048 to 8192 are taken" },
	{ "ES256", "{\"kty\":\"EC\",\"crv\":\"P-384\"}", "JWK: \"crv\" is not P-256" },
	{ "ES256", "{\"kty\":\"EC\",\"x\":\"AAAA\"}", "JWK: \"crv\" is missing" },
	{ "ES256", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\"}",
	  "JWK: \"x\" has 3 bytes, not 32" },
	{ "ES256", /* not on the curve: the RFC's key with another y */
	  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5aw\"}",
	  "JWK: the parameters make no key" },
	{ "EdDSA", "{\"kty\":\"OKP\",\"crv\":\"Ed448\"}", "JWK: \"crv\" is not Ed25519" },
	{ "EdDSA", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"d\":\"AAAA\"}",
	  "JWK: \"d\" has 3 bytes, not 32" },
	{ "EdDSA", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"d\":\"AAGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}",
	  "JWK: \"d\" belongs to another \"x\"" },
	{ "ES256", RFC_ED, "JWK: this type of key is no key for ES256" },
	{ NULL, "{\"keys\":[]}", "JWK Set: \"keys\" is not a list of 1 to 64 keys" },
	{ NULL, "{\"keys\":{}}", "JWK Set: \"keys\" is not a list of 1 to 64 keys" },
	{ NULL, "{\"keys\":[7]}", "JWK 1: not an object" },
	{ NULL, "{\"keys\":[{\"kty\":\"RSA\",\"use\":\"enc\"}]}", "JWK 1: \"use\" is not sig" },
	{ "ES256", "{\"keys\":[" RFC_EC "," RFC_EC "]}",
	  "JWK 2: each key of a set needs a \"kid\"" },
};

static void test_bad_keys_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(bad_keys); i++)
		assert_string_equal(check_signature(bad_keys[i].algorithm,
						    bad_keys[i].bytes,
						    vectors[0].token),
				    bad_keys[i].why);
}

/* Four pairs of keys, made here. */
struct pair {
	const char *algorithm;
	char *private_pem, *public_pem;
};

static char *pem_text(EVP_PKEY *pkey, bool private)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *at, *text;
	long len;

	if (private)
		PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
	else
		PEM_write_bio_PUBKEY(bio, pkey);
	len = BIO_get_mem_data(bio, &at);
	text = memory_text_n(at, (size_t)len);
	BIO_free(bio);
	return text;
}

static struct pair make_pair(const char *algorithm, EVP_PKEY *pkey)
{
	struct pair pair = { algorithm, pem_text(pkey, true),
			     pem_text(pkey, false) };

	EVP_PKEY_free(pkey);
	return pair;
}

enum { PAIR_RS, PAIR_PS, PAIR_ES, PAIR_ED, PAIRS };

static int setup(void **state)
{
	struct pair *pairs = memory_new_array(PAIRS, sizeof(*pairs));

	pairs[PAIR_RS] = make_pair("RS256", EVP_RSA_gen(2048));
	pairs[PAIR_PS] = make_pair("PS256", EVP_RSA_gen(2048));
	pairs[PAIR_ES] = make_pair("ES256", EVP_EC_gen("P-256"));
	pairs[PAIR_ED] = make_pair("EdDSA",
				   EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	*state = pairs;
	return 0;
}

static int teardown(void **state)
{
	struct pair *pairs = *state;

	for (size_t i = 0; i < PAIRS; i++) {
		free(pairs[i].private_pem);
		free(pairs[i].public_pem);
	}
	free(pairs);
	return 0;
}

/* A token of these claims; fails the test with why if it cannot be made. */
static char *mint(const char *algorithm, const char *bytes, const char *kid)
{
	struct gantry_token_key key = GANTRY_TOKEN_KEY(
		.bytes = bytes, .len = strlen(bytes), .algorithm = algorithm,
		.kid = kid);
	struct gantry_error err = ERROR_INIT;
	json_t *claims = json_pack("{s:I}", "exp",
				   (json_int_t)(HOST_NOW_MS / 1000 + 60));
	char token[GANTRY_TOKEN_SIZE] = "untouched";
	int rc = auth()->mint(&key, claims, token, &err);

	json_decref(claims);
	if (rc == 0)
		return memory_text(token);
	assert_string_equal(token, "untouched");
	return memory_format("failed: %s", err.message);
}

static void test_round_trip(void **state)
{
	const struct pair *pairs = *state;

	for (size_t i = 0; i < PAIRS; i++) {
		const struct pair *p = &pairs[i];
		AUTO_FREE char *token = mint(p->algorithm, p->private_pem, "k1");

		assert_string_equal(check_bytes(p->algorithm, p->public_pem,
						strlen(p->public_pem), token,
						false),
				    "");
		for (size_t k = 0; k < PAIRS; k++)
			if (k != i && strcmp(check_signature(pairs[k].algorithm,
							     pairs[k].public_pem,
							     token),
					     "") == 0)
				fail_msg("%s under a key of %s", p->algorithm,
					 pairs[k].algorithm);
	}
}

/* One key pair, two algorithms: the arithmetic differs, not only the name. */
static void test_rs_and_ps_differ(void **state)
{
	const struct pair *rs = &((struct pair *)*state)[PAIR_RS];
	AUTO_FREE char *token = mint("PS256", rs->private_pem, NULL);
	AUTO_FREE char *renamed = NULL;
	const char *rest = strchr(token, '.');

	assert_string_equal(check_signature("PS256", rs->public_pem, token), "");
	assert_string_equal(check_signature("RS256", rs->public_pem, token),
			    "header: alg is not RS256, which the key is for");
	renamed = memory_format("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9%s", rest);
	assert_string_equal(check_signature("RS256", rs->public_pem, renamed),
			    "signature: wrong");
}

/* The attack: the public key's text as the secret of an HMAC. */
static void test_public_key_is_no_secret(void **state)
{
	const struct pair *rs = &((struct pair *)*state)[PAIR_RS];
	AUTO_FREE char *plain = host_plain_n(CHARS("{\"alg\":\"HS256\"}"),
					     CHARS("{}"));
	AUTO_FREE char *token = host_sign(plain, rs->public_pem,
					  strlen(rs->public_pem));
	AUTO_FREE char *indented = memory_format("# ours\n%s", rs->public_pem);

	assert_string_equal(check_signature("RS256", rs->public_pem, token),
			    "header: alg is not RS256, which the key is for");
	assert_string_equal(check_signature("HS256", rs->public_pem, token),
			    "a PEM key is no HMAC secret");
	assert_string_equal(check_signature("HS256", indented, token),
			    "a PEM key is no HMAC secret");
	assert_string_equal(check_signature(NULL, rs->public_pem, token),
			    "a PEM key needs an algorithm");
}

static void test_der_is_no_secret(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(pkey, &der);

	(void)state;
	assert_string_equal(check_bytes("HS256", (char *)der, (size_t)len,
					vectors[0].token, true),
			    "a DER key: PEM is needed");
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
}

static void test_weak_and_foreign_pem(void **state)
{
	struct pair weak = make_pair("RS256", EVP_RSA_gen(1024));
	struct pair p384 = make_pair("ES256", EVP_EC_gen("P-384"));
	const struct pair *pairs = *state;

	assert_string_equal(check_signature("RS256", weak.public_pem, "a.b.c"),
			    "PEM: an RSA key of 1024 bits; 2048 to 8192 are taken");
	assert_string_equal(check_signature("ES256", p384.public_pem, "a.b.c"),
			    "PEM: not on the curve P-256");
	assert_string_equal(check_signature("EdDSA", pairs[PAIR_ES].public_pem, "a.b.c"),
			    "PEM: this type of key is no key for EdDSA");
	free(weak.private_pem);
	free(weak.public_pem);
	free(p384.private_pem);
	free(p384.public_pem);
}

static void test_mint_refuses(void **state)
{
	static const char mixed[] = /* d of another key */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\","
		"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
		"\"d\":\"AAAQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}";
	const struct pair *pairs = *state;
	AUTO_FREE char *public = mint("RS256", pairs[PAIR_RS].public_pem, NULL);
	AUTO_FREE char *other = mint(NULL, mixed, NULL);
	AUTO_FREE char *operations = mint(
		"HS256", "{\"kty\":\"oct\",\"key_ops\":[\"verify\"]}", NULL);

	assert_string_equal(public, "failed: the key cannot sign: it has no private half");
	assert_string_equal(other, "failed: the private half belongs to another key");
	assert_string_equal(operations, "failed: JWK: \"key_ops\" has no sign");
}

static void test_mint_is_bounded(void **state)
{
	struct gantry_token_key key = GANTRY_TOKEN_KEY(.bytes = HOST_SECRET,
						       .len = 32,
						       .algorithm = "HS256");
	struct gantry_error err = ERROR_INIT;
	char token[GANTRY_TOKEN_SIZE];
	size_t longest = 0;

	(void)state;
	for (size_t n = 6000; n < 6200; n++) {
		AUTO_FREE char *text = memory_new(n + 1);
		json_t *claims;

		memset(text, 'x', n);
		claims = json_pack("{s:s}", "x", text);
		if (auth()->mint(&key, claims, token, &err) == 0)
			longest = strlen(token);
		json_decref(claims);
	}
	assert_in_range(longest, 8180, 8192);
	assert_string_equal(err.message,
			    "the token would be longer than 8192 bytes");
}

static void test_jwk_signs(void **state)
{
	AUTO_FREE char *ed = mint(NULL, RFC_ED_PRIVATE, NULL);
	AUTO_FREE char *ec = mint("ES256", RFC_EC, NULL);

	(void)state;
	assert_string_equal(check_signature("EdDSA", RFC_ED, ed), "");
	assert_string_equal(check_signature("ES256", RFC_EC, ec), "");
}

#define SET_HS(kid) \
	"{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"" kid "\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}"
#define SET_ED                                                            \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"kid\":\"e\"," \
	"\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","           \
	"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

static void test_set_goes_by_kid(void **state)
{
	static const char set[] =
		"{\"keys\":[{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP\",\"kid\":\"x\"},"
		SET_HS("h") "," SET_ED ",{\"kty\":\"EC\",\"use\":\"enc\"}]}";
	AUTO_FREE char *ed = mint(NULL, set, "e");
	AUTO_FREE char *hs = mint(NULL, set, "h");
	AUTO_FREE char *gone = mint(NULL, set, "x");
	AUTO_FREE char *none = mint(NULL, set, NULL);
	AUTO_FREE char *swapped = mint(NULL, SET_HS("e"), NULL);

	(void)state;
	assert_string_equal(check_signature(NULL, set, ed), "");
	assert_string_equal(check_signature(NULL, set, hs), "");
	assert_string_equal(check_signature(NULL, SET_HS("other"), hs),
			    "kid: no key has this one");
	assert_string_equal(gone, "failed: kid: no key has this one");
	assert_string_equal(none, "failed: kid: missing, and there are 2 keys");
	assert_string_equal(check_signature(NULL, set, swapped),
			    "header: alg is not EdDSA, which the key is for");
	assert_string_equal(check_signature(NULL, set, vectors[0].token),
			    "kid: missing, and there are 2 keys");
	assert_string_equal(check_signature(NULL,
					    "{\"keys\":[" SET_HS("h") "," SET_HS("h") "]}",
					    hs),
			    "JWK 2: another key has this \"kid\"");
}

static struct jwt_keys *keys_of(const char *text, enum jwt_algorithm algorithm)
{
	struct jwt_key_source source = { text, strlen(text), algorithm, "verify" };
	struct gantry_error err;
	struct jwt_keys *keys = jwt_keys_new(&source, &err);

	assert_non_null(keys);
	return keys;
}

/*
 * 20,000 tokens with one to three bytes changed, of a cheap and a dear kind. The
 * keys are read once: to read them costs much more than what is tried here.
 */
static void test_mutations_are_refused(void **state)
{
	const struct pair *rs = &((struct pair *)*state)[PAIR_RS];
	struct jwt_keys *secret = keys_of(HOST_SECRET, JWT_HS256);
	struct jwt_keys *public = keys_of(rs->public_pem, JWT_RS256);
	AUTO_FREE char *token = mint("HS256", HOST_SECRET, NULL);
	AUTO_FREE char *dear = mint("RS256", rs->private_pem, NULL);
	unsigned int seed = 20261122, same = 0;
	static struct jwt_payload payload;
	struct gantry_error err;

	for (int i = 0; i < 20000; i++) {
		bool cheap = i % 10 != 0;
		const char *good = cheap ? token : dear;
		AUTO_FREE char *bad = memory_text(good);
		struct jwt_text text = { bad, strlen(bad) };

		for (int k = rand_r(&seed) % 3; k >= 0; k--)
			bad[(size_t)rand_r(&seed) % text.len] =
				(char)(i % 2 == 0 ?
					       "ABCxyz019-_."[rand_r(&seed) % 12] :
					       1 + rand_r(&seed) % 255);
		if (strcmp(bad, good) == 0)
			same++;
		else if (jwt_verify(cheap ? secret : public, text, true, &payload,
				    &err) == 0)
			fail_msg("accepted %s", bad);
	}
	assert_in_range(same, 0, 2000);
	jwt_keys_release(&secret);
	jwt_keys_release(&public);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64url_round_trip),
		cmocka_unit_test(test_base64url_is_strict),
		cmocka_unit_test(test_rfc_vectors),
		cmocka_unit_test(test_algorithm_is_the_keys),
		cmocka_unit_test(test_es256_signature_length),
		cmocka_unit_test(test_bad_keys_are_named),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_rs_and_ps_differ),
		cmocka_unit_test(test_public_key_is_no_secret),
		cmocka_unit_test(test_der_is_no_secret),
		cmocka_unit_test(test_weak_and_foreign_pem),
		cmocka_unit_test(test_mint_refuses),
		cmocka_unit_test(test_mint_is_bounded),
		cmocka_unit_test(test_jwk_signs),
		cmocka_unit_test(test_set_goes_by_kid),
		cmocka_unit_test(test_mutations_are_refused),
	};

	return cmocka_run_group_tests_name("jwt_key", tests, setup, teardown);
}
