/* SPDX-License-Identifier: Apache-2.0 */
/*
 * testhost - runs a plugin's handlers without a daemon, for its tests.
 *
 * Behind it are the real pipeline, the real rules of stock and the real
 * committer over the storage "memory", so what passes here behaves the same
 * in the daemon. Every handler runs twice for each message, and the effects of
 * both runs are compared: a handler that is not pure fails its tests.
 *
 *	struct testhost *t = testhost_open(&TESTHOST(
 *		.plugin = "./journal.so", .options = options), NULL);
 *	testhost_send(t, &TESTHOST_MESSAGE(.handler = "keep", .body = "{}"), &a);
 *	testhost_close(&t);
 *
 * One thread. Texts that come out live until the next call or the close.
 */
#ifndef GANTRY_TESTHOST_H
#define GANTRY_TESTHOST_H

#include <gantry/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct testhost;

struct testhost_setup {
	size_t size;
	const char *plugin;		/* path of the .so, or a short name */
	const char *instance;		/* its name; NULL: "test" */
	const char *const *options;	/* "key=value" or "key=[a, b]", NULL at
					   the end; or NULL */
	const char *memory;		/* path of memory.so; NULL: what
					   GANTRY_TESTHOST_MEMORY says in the
					   environment, else as installed */
	const struct gantry_plugin *descriptor;	/* instead of plugin: one that
					   is linked in */
};
#define TESTHOST(...) \
	((struct testhost_setup){ .size = sizeof(struct testhost_setup), __VA_ARGS__ })

/* NULL with err (which may be NULL; then the message goes to stderr). */
struct testhost *testhost_open(const struct testhost_setup *setup,
			       struct gantry_error *err);
void testhost_close(struct testhost **testhost);

struct testhost_message {
	size_t size;
	const char *handler;		/* of the plugin */
	enum gantry_source source;	/* 0: http */
	const char *method;		/* NULL: "POST" */
	const char *path;		/* NULL: "/" */
	const char *body;		/* NULL: none */
	const char *id;			/* of an event: enters the inbox */
	const char *params, *query, *headers;	/* "name=value&name=value" */
	const char *idempotency_key;
	const char *correlation_id;
	const char *role;		/* of the sender */
	int64_t now_ms;			/* 0: the wall clock */
	int attempts;			/* of an event, before this one */
	const char *peer;		/* address of the sender, "192.0.2.1" */
};
#define TESTHOST_MESSAGE(...)                           \
	((struct testhost_message){                     \
		.size = sizeof(struct testhost_message), __VA_ARGS__ })

/*
 * This and testhost_sender are written whole into the test's own memory, so they
 * never grow: what a later level has to say gets a function (testhost_header).
 */
struct testhost_answer {
	size_t size;
	enum gantry_verdict verdict;	/* FAILED, REJECTED, DONE */
	int status;
	const char *text;		/* the body */
	const char *code;		/* of the error, or NULL */
	const char *message;		/* of the error, or "" */
	const char *outcome;		/* events: applied, duplicate, refused */
	bool again;
	bool impure;			/* two runs gave different effects */
};

/* Carry one message through the handler and its unit. 0, -1 if impure. */
int testhost_send(struct testhost *t, const struct testhost_message *message,
		  struct testhost_answer *answer);

/* What an auth plugin says of a message's sender. */
struct testhost_sender {
	size_t size;
	enum gantry_access access;
	const char *issuer, *subject;	/* "" if it said none */
	const char *roles;		/* "a b c" */
	const char *message;		/* why not, or "" */
};

/*
 * Ask an auth plugin about this message; its handler is not looked at. The
 * header Authorization is what gantry_credential() gives.
 */
enum gantry_access testhost_authenticate(struct testhost *t,
					 const struct testhost_message *message,
					 struct testhost_sender *sender);

/*
 * The plugin and its open instance, for what is no handler: the functions of a
 * breaker are called as they stand. A storage is tested by "gantry plugins
 * test-storage".
 */
const struct gantry_plugin *testhost_plugin(const struct testhost *t, void **self_out);

/* What an upstream answers to a request of a handler (gantry_call). */
struct testhost_upstream {
	size_t size;
	const char *name;		/* of the upstream */
	const char *method;		/* NULL: "GET" */
	const char *path;
	int status;			/* as an answer; 0: it is away, as a 503 */
	const char *body;		/* NULL: "" */
	const char *const *headers;	/* "Name: value", NULL at the end; or NULL */
	const char *contains;		/* only to a request whose body has this
					   text; NULL: to any */
};
#define TESTHOST_UPSTREAM(...)                           \
	((struct testhost_upstream){                     \
		.size = sizeof(struct testhost_upstream), __VA_ARGS__ })

/*
 * From now on; the last one for a request counts. All texts are copied. What is
 * not told fails like an upstream that is away.
 */
void testhost_upstream(struct testhost *t, const struct testhost_upstream *upstream);

/* How many requests to upstreams were made since the host was opened. */
unsigned testhost_calls(const struct testhost *t);

/*
 * The request that was made n-th, from 0 on; NULL: there were not so many. Lives
 * until the close.
 */
const struct gantry_request *testhost_request(const struct testhost *t, unsigned n);

/* A header of the last answer, or NULL. */
const char *testhost_header(struct testhost *t, const char *name);

/* How many rows a table has. -1: there is no such table. */
int64_t testhost_count(struct testhost *t, const char *table);

/*
 * The rows of a table in the order of their refs as a JSON array of objects,
 * column by column. The caller frees it with json_decref().
 */
json_t *testhost_rows(struct testhost *t, const char *table);

/* An item with stock, as POST /inventory-items makes one. 0 or -1. */
int testhost_stock(struct testhost *t, const char *item_id, int64_t available);

#ifdef __cplusplus
}
#endif

#endif
