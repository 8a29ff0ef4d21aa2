/* SPDX-License-Identifier: Apache-2.0 */
/* records - the query "records": order, pages, and whose records it gives. */
#include "tests/handlers/host.h"

/* Keeps its body under ?space= and ?key=. */
static enum gantry_verdict keep(void *self, struct gantry_message *m,
				struct gantry_error *err)
{
	(void)self;
	return gantry_record_put(m, gantry_query(m, "space"), gantry_query(m, "key"),
				 gantry_json(m, err), err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict list(void *self, struct gantry_message *m,
				struct gantry_error *err)
{
	const char *limit = gantry_query(m, "limit");
	const struct gantry_page *page = gantry_find(m, &GANTRY_QUERY(
		.name = "records", .key = gantry_query(m, "space"),
		.after = gantry_query(m, "after"),
		.limit = limit != NULL ? atoi(limit) : 0), err);
	json_t *answer;
	int done;

	(void)self;
	if (page == NULL)
		return GANTRY_FAILED;
	answer = json_pack("{s:O, s:s?}", "rows", page->rows, "after", page->after);
	done = gantry_reply(m, 200, answer, err);
	json_decref(answer);
	return done < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

/* "none" or "failed", which NULL alone does not tell. */
static enum gantry_verdict get(void *self, struct gantry_message *m,
			       struct gantry_error *err)
{
	const char *text = "\"none\"";

	(void)self;
	if (gantry_record_get(m, gantry_query(m, "space"), "k", err) == NULL &&
	    !gantry_asking(m) && gantry_failed(err))
		text = "\"failed\"";
	if (gantry_asking(m))
		return GANTRY_FAILED;
	return gantry_reply_text(m, 200, text, strlen(text), err) < 0 ? GANTRY_FAILED :
									GANTRY_DONE;
}

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "keep", .summary = "keeps", .handle = keep),
	GANTRY_HANDLER(.name = "list", .summary = "lists", .handle = list),
	GANTRY_HANDLER(.name = "get", .summary = "gets", .handle = get),
	NULL
};

static const struct gantry_plugin plugin = {
	.size = sizeof(plugin), .major = GANTRY_MAJOR, .level = GANTRY_LEVEL,
	.name = "kept", .version = "1", .summary = "keeps",
	.threads = GANTRY_INLINE, .instance_size = 8, .handlers = handlers,
};

static struct testhost *open_host(void)
{
	char *memory = realpath("plugins/memory/.libs/memory.so", NULL);
	struct testhost *t = testhost_open(&TESTHOST(.descriptor = &plugin,
						     .memory = memory), NULL);

	free(memory);
	assert_non_null(t);
	return t;
}

static void put(struct testhost *t, const char *query, const char *body)
{
	struct testhost_answer a;

	assert_int_equal(testhost_send(t, &TESTHOST_MESSAGE(.handler = "keep",
		.query = query, .body = body), &a), 0);
	assert_int_equal(a.verdict, GANTRY_DONE);
}

static void expect(struct testhost *t, const char *query, const char *answer)
{
	struct testhost_answer a;

	assert_int_equal(testhost_send(t, &TESTHOST_MESSAGE(.handler = "list",
		.query = query), &a), 0);
	assert_string_equal(a.text, answer);
}

static void test_pages_in_the_order_of_keys(void **state)
{
	struct testhost *t = open_host();

	(void)state;
	expect(t, "space=s", "{\"rows\":[],\"after\":null}");
	put(t, "space=s&key=b", "[2]");
	put(t, "space=s&key=a", "{\"x\":1}");
	put(t, "space=s&key=B", "[\"t\"]");
	put(t, "space=s&key=\xc3\xa4", "[4]");
	/* neighbours by name, which must not be seen */
	put(t, "space=s x&key=a", "[9]");
	put(t, "space=s!&key=a", "[9]");
	put(t, "space=r&key=z", "[9]");
	put(t, "space=ss&key=a", "[9]");
	expect(t, "space=s", "{\"rows\":[{\"key\":\"B\",\"value\":[\"t\"]},"
	       "{\"key\":\"a\",\"value\":{\"x\":1}},{\"key\":\"b\",\"value\":[2]},"
	       "{\"key\":\"\xc3\xa4\",\"value\":[4]}],\"after\":null}");
	expect(t, "space=s&limit=3", "{\"rows\":[{\"key\":\"B\",\"value\":[\"t\"]},"
	       "{\"key\":\"a\",\"value\":{\"x\":1}},{\"key\":\"b\",\"value\":[2]}],"
	       "\"after\":\"b\"}");
	expect(t, "space=s&limit=3&after=b",
	       "{\"rows\":[{\"key\":\"\xc3\xa4\",\"value\":[4]}],\"after\":null}");
	expect(t, "space=s&limit=4",
	       "{\"rows\":[{\"key\":\"B\",\"value\":[\"t\"]},"
	       "{\"key\":\"a\",\"value\":{\"x\":1}},{\"key\":\"b\",\"value\":[2]},"
	       "{\"key\":\"\xc3\xa4\",\"value\":[4]}],\"after\":null}");
	expect(t, "space=s&after=\xc3\xa4", "{\"rows\":[],\"after\":null}");
	testhost_close(&t);
}

static void test_what_is_refused(void **state)
{
	struct testhost *t = open_host();
	struct testhost_answer a;

	(void)state;
	for (int i = 0; i < 3; i++) {
		static const char *const queries[] = { "x=1", "space=", "space=s&after=" };

		testhost_send(t, &TESTHOST_MESSAGE(.handler = "list",
						   .query = queries[i]), &a);
		assert_int_equal(a.verdict, GANTRY_FAILED);
		assert_string_equal(a.message, "query \"records\": a space and a place in "
				    "it are 1 to 128 printable bytes");
	}
	testhost_send(t, &TESTHOST_MESSAGE(.handler = "list",
					   .query = "space=s&limit=1001"), &a);
	assert_string_equal(a.message, "a query gives 1 to 1000 rows");
	testhost_close(&t);
}

static void test_an_error_is_not_what_is_not_there(void **state)
{
	struct testhost *t = open_host();
	struct testhost_answer a;

	(void)state;
	testhost_send(t, &TESTHOST_MESSAGE(.handler = "get", .query = "space=s"), &a);
	assert_string_equal(a.text, "\"none\"");
	testhost_send(t, &TESTHOST_MESSAGE(.handler = "get", .query = "space="), &a);
	assert_string_equal(a.text, "\"failed\"");
	testhost_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_in_the_order_of_keys),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_an_error_is_not_what_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
