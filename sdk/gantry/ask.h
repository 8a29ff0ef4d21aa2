/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - what a handler wants to know.
 *
 * An ask whose answer is not there yet returns NULL without setting err, and
 * the handler is to return (any verdict: the run is thrown away). The core
 * fetches what was asked for and runs the handler again, at most 16 times. So
 * ask for all that you can before you look at the first answer: several asks
 * of one run are fetched together. Whether NULL means "absent" or "not there
 * yet" is told by gantry_asking().
 *
 * Answers are read-only and live as long as the message.
 */
#ifndef GANTRY_ASK_H
#define GANTRY_ASK_H

#include <gantry/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Whether this run is waiting for an answer: true after an ask that was not
 * there yet. Then return at once. Level 1.
 */
bool gantry_asking(const struct gantry_message *m);

/*
 * The record of this handler instance under space and key (each 1 to 128
 * printable bytes), as gantry_record_put() left it. NULL if there is none, if
 * it is not there yet (gantry_asking), or on error. A record that was read is
 * checked again when the message commits; if it moved, the handler runs again.
 * Level 1.
 */
const json_t *gantry_record_get(struct gantry_message *m, const char *space,
				const char *key, struct gantry_error *err);

/*
 * A named query. Names of the core: "allocation" (key: id),
 * "allocations-of-order" (key: order id), "allocations-due" (key: unused; now
 * decides), "item" (key: id), "items" (key: unused), "order" (key: id),
 * "returns-of-order" (key: order id). Each row is an object with the members
 * that the API shows.
 * "records" (key: space): the records of this handler instance, each with key
 * and value, in the bytewise order of their keys. Whether they have moved since
 * is not checked when the message commits: read with gantry_record_get() what
 * matters for that.
 */
struct gantry_query {
	size_t size;
	const char *name;
	const char *key;	/* NULL where unused */
	const char *after;	/* gantry_page.after of the page before, or NULL */
	int64_t limit;		/* rows, 1 to 1000; 0: 100 */
};
#define GANTRY_QUERY(...) \
	((struct gantry_query){ .size = sizeof(struct gantry_query), __VA_ARGS__ })

struct gantry_page {
	size_t size;
	const json_t *rows;	/* an array */
	const char *after;	/* where the next page begins, or NULL */
};

/*
 * A page of rows, NULL if not there yet or on error (err set; an unknown name
 * is an error). Level 1.
 */
const struct gantry_page *gantry_find(struct gantry_message *m,
				      const struct gantry_query *query,
				      struct gantry_error *err);

/* A request to an upstream of the configuration. */
struct gantry_request {
	size_t size;
	const char *upstream;		/* its name */
	const char *method;		/* NULL: "GET" */
	const char *path;		/* "/orders/o%2F1?full=true": encoded, see
					   gantry_escape() */
	const char *const *headers;	/* "Name: value", NULL at the end; or NULL */
	const char *body;		/* or NULL */
	size_t body_len;		/* 0: up to its NUL */
	const char *order_id;		/* that it is about, so that it is the
					   correlation id if there is none; or NULL */
	bool want_json;			/* a 2xx whose body is no JSON is a
					   failure of the upstream */
	bool verbatim;			/* for who passes the answer on: see
					   gantry_call() */
	const char *correlation_id;	/* of this call, if it is not the
					   message's; or NULL */
};
#define GANTRY_REQUEST(...)                                                \
	((struct gantry_request){ .size = sizeof(struct gantry_request),   \
				  __VA_ARGS__ })

struct gantry_answer {
	size_t size;
	int status;
	const char *const *headers;	/* "Name: value", NULL at the end */
	const char *body;		/* ends with NUL; never NULL */
	size_t body_len;
	const json_t *json;		/* of the body; NULL: it is none */
};

/*
 * What an upstream answers. Correlation id, trace and token are added by the
 * core. NULL if it is not there yet (gantry_asking) or on error. No answer in
 * time, a connection that fails, 408, 429 and 5xx are errors that depend on the
 * upstream, after the retries that its configuration allows; all other statuses
 * are answers, 404 too. Handlers run again, so what a call does must bear being
 * done twice; one that is neither GET, HEAD, PUT nor DELETE is retried only if
 * it has a header Idempotency-Key. err may be NULL if it does not matter why
 * there is no answer. Level 1.
 *
 * A verbatim request is sent with the headers that it has, and after the
 * retries every status is an answer; json is not looked for. Without an answer
 * err has a code: UPSTREAM_UNREACHABLE or UPSTREAM_BAD_ANSWER (502),
 * UPSTREAM_TIMEOUT (504), CIRCUIT_OPEN or OVERLOADED (503).
 */
const struct gantry_answer *gantry_call(struct gantry_message *m,
					const struct gantry_request *request,
					struct gantry_error *err);

/* The value of the first header of that name, or NULL. Level 1. */
const char *gantry_answer_header(const struct gantry_answer *answer,
				 const char *name);

/* text as one segment of a path, or one value of a query. Level 1. */
const char *gantry_escape(struct gantry_message *m, const char *text);

#ifdef __cplusplus
}
#endif

#endif
