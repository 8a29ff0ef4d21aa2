/* SPDX-License-Identifier: Apache-2.0 */
/* jwt_file - where the plugin has its keys from: a file in change, keys that are
   fetched; and several threads at once. */
#include <pthread.h>
#include <unistd.h>

#include "tests/unit/jwt_ask.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
