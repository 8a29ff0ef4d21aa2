/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what lets browsers in: tickets and sessions, names and pages; digests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/admin/sessions.h"
#include "gateway/admin/site.h"
#include "gateway/base/digest.h"
#include "gateway/base/memory.h"
#include "gateway/config/config.h"
#include "gateway/pipeline/message.h"

static void test_digest(void **state)
{
	static const uint8_t abc[DIGEST_SIZE] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde,
		0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
		0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
	};
	uint8_t digest[DIGEST_SIZE];

	(void)state;
	digest_sha256("abc", 3, digest);
	assert_memory_equal(digest, abc, DIGEST_SIZE);
	assert_true(digest_is_equal(digest, abc));
	for (unsigned i = 0; i < DIGEST_SIZE; i++) {
		digest[i] ^= 1;
		assert_false(digest_is_equal(digest, abc));
		digest[i] ^= 1;
	}
}

static void test_secrets_differ(void **state)
{
	char a[DIGEST_SECRET], b[DIGEST_SECRET];

	(void)state;
	digest_secret(a);
	digest_secret(b);
	assert_int_equal(strlen(a), 64);
	assert_int_equal(strspn(a, "0123456789abcdef"), 64);
	assert_string_not_equal(a, b);
}

static const struct sessions_who who = { "uid 7", 5 };

static void test_a_ticket_is_good_once(void **state)
{
	struct sessions *s = sessions_new();
	char ticket[DIGEST_SECRET], session[DIGEST_SECRET], again[DIGEST_SECRET];
	struct sessions_who found;
	int64_t left;

	(void)state;
	sessions_admit(s, &who, 1000, ticket);
	assert_false(sessions_find(s, ticket, 1001, &found, &left));
	assert_true(sessions_begin(s, ticket, 1001, session));
	assert_string_not_equal(ticket, session);
	assert_false(sessions_begin(s, ticket, 1002, again));
	assert_false(sessions_begin(s, session, 1002, again));
	assert_true(sessions_find(s, session, 2001, &found, &left));
	assert_string_equal(found.actor, "uid 7");
	assert_int_equal(found.roles, 5);
	assert_int_equal(left, SESSIONS_MS - 1000);
	sessions_free(&s);
	assert_null(s);
}

static void test_time_runs_out(void **state)
{
	struct sessions *s = sessions_new();
	char ticket[DIGEST_SECRET], session[DIGEST_SECRET];
	struct sessions_who found;
	int64_t left;

	(void)state;
	sessions_admit(s, &who, 1000, ticket);
	assert_false(sessions_begin(s, ticket, 1000 + SESSIONS_TICKET_MS, session));
	assert_true(sessions_begin(s, ticket, 999 + SESSIONS_TICKET_MS, session));
	left = 999 + SESSIONS_TICKET_MS + SESSIONS_MS;
	assert_true(sessions_find(s, session, left - 1, &found, &left));
	assert_int_equal(left, 1);
	left = 999 + SESSIONS_TICKET_MS + SESSIONS_MS;
	assert_false(sessions_find(s, session, left, &found, &left));
	sessions_free(&s);
}

static void test_it_is_ended(void **state)
{
	struct sessions *s = sessions_new();
	char ticket[DIGEST_SECRET], one[DIGEST_SECRET], two[DIGEST_SECRET];
	struct sessions_who found;
	int64_t left;

	(void)state;
	sessions_admit(s, &who, 1, ticket);
	assert_true(sessions_begin(s, ticket, 1, one));
	sessions_admit(s, &who, 1, ticket);
	assert_true(sessions_begin(s, ticket, 1, two));
	sessions_end(s, one);
	sessions_end(s, "nothing");
	sessions_end(s, "");
	assert_false(sessions_find(s, one, 2, &found, &left));
	assert_true(sessions_find(s, two, 2, &found, &left));
	sessions_free(&s);
}

/* What ends first gives its place to what comes. */
static void test_they_are_few(void **state)
{
	struct sessions *s = sessions_new();
	char tickets[SESSIONS_TICKETS + 1][DIGEST_SECRET];
	char session[DIGEST_SECRET];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(tickets); i++)
		sessions_admit(s, &who, 100 + i, tickets[i]);
	assert_false(sessions_begin(s, tickets[0], 200, session));
	for (unsigned i = 1; i < ARRAY_LENGTH(tickets); i++)
		assert_true(sessions_begin(s, tickets[i], 200, session));
	sessions_free(&s);
}

struct test_message {
	struct gantry_message m;
	struct message_pair headers[8];
};

static void test_ask(struct test_message *t, const char *const *pairs)
{
	*t = (struct test_message){ 0 };
	for (unsigned i = 0; pairs[2 * i] != NULL; i++) {
		t->headers[i] = (struct message_pair){ pairs[2 * i], pairs[2 * i + 1] };
		t->m.n_headers++;
	}
	t->m.headers = t->headers;
}

#define ASK(t, ...) test_ask(t, (const char *const[]){ __VA_ARGS__, NULL })

static void test_names(void **state)
{
	static const char *const hosts[] = { "gantry.example", NULL };
	struct config_admin config = { .listen = "10.1.2.3:9080", .hosts = hosts };
	struct site site;

	(void)state;
	site_init(&site, &config);
	assert_true(site_is_ours(&site, "localhost:9080"));
	assert_true(site_is_ours(&site, "LocalHost"));
	assert_true(site_is_ours(&site, "127.0.0.1:1"));
	assert_true(site_is_ours(&site, "[::1]:9080"));
	assert_true(site_is_ours(&site, "10.1.2.3"));
	assert_true(site_is_ours(&site, "gantry.example:443"));
	assert_false(site_is_ours(&site, NULL));
	assert_false(site_is_ours(&site, ""));
	assert_false(site_is_ours(&site, ":9080"));
	assert_false(site_is_ours(&site, "10.1.2.4"));
	assert_false(site_is_ours(&site, "localhost."));
	assert_false(site_is_ours(&site, "localhost:9080x"));
	assert_false(site_is_ours(&site, "localhost:909090"));
	assert_false(site_is_ours(&site, "[::1"));
	assert_false(site_is_ours(&site, "[::1]x"));
	assert_false(site_is_ours(&site, "evil.test"));
	assert_false(site_is_ours(&site, "gantry.example.evil.test"));
	site_fini(&site);
}

static void test_on_all_addresses(void **state)
{
	struct config_admin config = { .listen = "0.0.0.0:9080" };
	struct arena arena = { 0 };
	struct site site;

	(void)state;
	site_init(&site, &config);
	assert_true(site_is_ours(&site, "192.0.2.1:9080"));
	assert_true(site_is_ours(&site, "[2001:db8::1]"));
	assert_false(site_is_ours(&site, "evil.test:9080"));
	assert_string_equal(site_url(&site, 0, &arena), "http://localhost:9080");
	assert_string_equal(site_url(&site, 81, &arena), "http://localhost:81");
	site_fini(&site);
	config = (struct config_admin){ .listen = "[::1]:9080", .cert_file = "x" };
	site_init(&site, &config);
	assert_string_equal(site_url(&site, 0, &arena), "https://[::1]:9080");
	site_fini(&site);
	arena_fini(&arena);
}

static void test_pages(void **state)
{
	struct config_admin config = { .listen = "127.0.0.1:9080" };
	struct test_message t;
	struct site site;

	(void)state;
	site_init(&site, &config);
	ASK(&t, "Host", "localhost:9080", "Origin", "http://localhost:9080",
	    "X-Gantry-Admin", "page");
	assert_true(site_is_own_page(&site, &t.m));
	ASK(&t, "Host", "localhost:9080", "Origin", "http://localhost:9080",
	    "X-Gantry-Admin", "page", "Sec-Fetch-Site", "same-origin");
	assert_true(site_is_own_page(&site, &t.m));
	assert_false(site_is_fetched_by_others(&t.m));
	ASK(&t, "Host", "localhost:9080", "Origin", "http://localhost:9080",
	    "X-Gantry-Admin", "page", "Sec-Fetch-Site", "same-site");
	assert_false(site_is_own_page(&site, &t.m));
	assert_true(site_is_fetched_by_others(&t.m));
	ASK(&t, "Host", "localhost:9080", "Origin", "http://localhost:3000",
	    "X-Gantry-Admin", "page");
	assert_false(site_is_own_page(&site, &t.m));
	ASK(&t, "Host", "localhost:9080", "X-Gantry-Admin", "page");
	assert_false(site_is_own_page(&site, &t.m));
	ASK(&t, "Host", "localhost:9080", "Origin", "http://localhost:9080");
	assert_false(site_is_own_page(&site, &t.m));
	site.tls = true;
	ASK(&t, "Host", "localhost:9080", "Origin", "http://localhost:9080",
	    "X-Gantry-Admin", "page");
	assert_false(site_is_own_page(&site, &t.m));
	site_fini(&site);
}

static void test_cookies(void **state)
{
	struct test_message t;

	(void)state;
	ASK(&t, "Host", "localhost:9080", "Cookie",
	    "a=1; gantry-session=2;gantry-session-9080=3; gantry-session-9080=4");
	assert_string_equal(site_cookie(&t.m), "3");
	arena_fini(&t.m.arena);
	ASK(&t, "Host", "localhost", "Cookie", "xgantry-session=1; gantry-session=2");
	assert_string_equal(site_cookie(&t.m), "2");
	arena_fini(&t.m.arena);
	ASK(&t, "Host", "localhost", "Cookie", "; ;=; gantry-session");
	assert_null(site_cookie(&t.m));
	arena_fini(&t.m.arena);
	ASK(&t, "Host", "localhost");
	assert_null(site_cookie(&t.m));
	arena_fini(&t.m.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_secrets_differ),
		cmocka_unit_test(test_a_ticket_is_good_once),
		cmocka_unit_test(test_time_runs_out),
		cmocka_unit_test(test_it_is_ended),
		cmocka_unit_test(test_they_are_few),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_on_all_addresses),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_cookies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
