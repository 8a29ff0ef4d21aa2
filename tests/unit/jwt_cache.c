/* SPDX-License-Identifier: Apache-2.0 */
/* jwt_cache - the cache of verified tokens, by itself. */
#include "tests/unit/jwt_host.h"

#include "plugins/jwt/cache.h"

static struct jwt_text text_of(const char *s)
{
	return (struct jwt_text){ s, strlen(s) };
}

static void test_cache_hits_only_the_same(void **state)
{
	static const char tail[] = "0123456789012345678901234567890123456789012345678901234567890123";
	struct jwt_cache *cache = jwt_cache_new(16);
	struct jwt_identity who = { .expires_ms = 1000, .subject = "me" };
	struct jwt_moment at = { .now_ms = 500, .generation = 7 };
	AUTO_FREE char *mine = memory_format("a%s", tail);
	AUTO_FREE char *yours = memory_format("b%s", tail); /* the same hash */
	AUTO_FREE char *longer = memory_format("aa%s", tail);
	struct jwt_cached *hit;

	(void)state;
	jwt_cache_keep(cache, text_of(mine), at, &who);
	assert_null(jwt_cache_find(cache, text_of(yours), at));
	assert_null(jwt_cache_find(cache, text_of(longer), at));
	assert_null(jwt_cache_find(cache, text_of(""), at));
	hit = jwt_cache_find(cache, text_of(mine), at);
	assert_non_null(hit);
	assert_string_equal(hit->who.subject, "me");
	jwt_cache_keep(cache, text_of(mine), at, &who);
	assert_int_equal(jwt_cache_count(cache), 1);
	assert_string_equal(hit->who.subject, "me"); /* though replaced */
	jwt_cached_release(&hit);
	at.generation = 8;
	assert_null(jwt_cache_find(cache, text_of(mine), at));
	at = (struct jwt_moment){ .now_ms = 1000, .generation = 7 };
	assert_null(jwt_cache_find(cache, text_of(mine), at));
	jwt_cache_free(&cache);
}

static void test_cache_compares_every_byte(void **state)
{
	struct jwt_cache *cache = jwt_cache_new(4);
	struct jwt_identity who = { .expires_ms = 1000 };
	struct jwt_moment at = { .now_ms = 500 };
	char token[] = "0123456789 0123456789 0123456789 0123456789 0123456789 "
		       "0123456789 0123456789 0123456789 0123456789 01234";
	struct jwt_cached *hit;

	(void)state;
	jwt_cache_keep(cache, text_of(token), at, &who);
	for (size_t i = 0; i < sizeof(token) - 1; i++) {
		token[i] ^= 1;
		assert_null(jwt_cache_find(cache, text_of(token), at));
		token[i] ^= 1;
	}
	hit = jwt_cache_find(cache, text_of(token), at);
	assert_non_null(hit);
	jwt_cached_release(&hit);
	jwt_cache_free(&cache);
}

static void test_cache_is_bounded(void **state)
{
	struct jwt_cache *cache = jwt_cache_new(64);
	struct jwt_cache *none = jwt_cache_new(0);
	struct jwt_identity who = { .expires_ms = INT64_MAX };
	struct jwt_moment at = { .now_ms = 0 };
	char token[32];

	(void)state;
	for (; at.now_ms < 10000; at.now_ms++) {
		struct jwt_cached *hit;

		snprintf(token, sizeof(token), "token-%lld", (long long)at.now_ms);
		jwt_cache_keep(cache, text_of(token), at, &who);
		hit = jwt_cache_find(cache, text_of(token), at);
		assert_non_null(hit);	/* the newest is always in */
		jwt_cached_release(&hit);
	}
	assert_int_equal(jwt_cache_count(cache), 64);
	jwt_cache_keep(none, text_of(token), at, &who);
	assert_null(jwt_cache_find(none, text_of(token), at));
	jwt_cache_free(&cache);
	jwt_cache_free(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_hits_only_the_same),
		cmocka_unit_test(test_cache_compares_every_byte),
		cmocka_unit_test(test_cache_is_bounded),
	};

	return cmocka_run_group_tests_name("jwt_cache", tests, NULL, NULL);
}
