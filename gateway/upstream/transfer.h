/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer - one try of a call over HTTP/1.1: libcurl is told what to send and
 * what not to do, and what came back is taken within its bounds. It knows no
 * retries and no breakers.
 */
#ifndef UPSTREAM_TRANSFER_H
#define UPSTREAM_TRANSFER_H

#include <curl/curl.h>

#include "gateway/config/config.h"
#include "gateway/pipeline/call.h"

struct transfer {
	const struct config_upstream *upstream;
	struct call *call;
	int64_t timeout_ms;		/* of this try */
	const char *traceparent;	/* of this try, or NULL */
	CURL *curl;			/* NULL: none is under way */
	struct curl_slist *headers, **headers_end;	/* in the call's arena */
	const char **lines;		/* of the answer's head, in the call's arena */
	unsigned n_lines;
	size_t head_len;
	char *body;			/* in the call's arena */
	size_t len, room;
	unsigned sent;			/* times that libcurl sent it */
	bool too_large;
	char reason[CURL_ERROR_SIZE];
};

struct transfer_end {
	int status;			/* 0: there is no answer */
	bool transient;			/* no answer: the next try may have one */
	int64_t after_ms;		/* Retry-After; 0: not said */
	const char *code;		/* no answer: for who passes it on */
	bool used_up;			/* the handle: get rid of it */
	char text[256];			/* no answer: why */
	const char *word;		/* and the same as one word */
};

/* Taken to pieces once, to be freed by curl_url_cleanup(); NULL: it is none. */
CURLU *transfer_url(const struct config_upstream *upstream);

/* A handle with all that is the same for each try; the caller's, to be used again.
   url is that of transfer_url(), and lives longer. */
CURL *transfer_handle(const struct config_upstream *upstream, CURLU *url);

/*
 * Tell the handle what this try is; authorization is a whole header that lives
 * as long as it, or NULL. What an earlier try left in the call is gone.
 */
void transfer_begin(struct transfer *transfer, CURL *curl, const char *authorization);

/* What curl said of it. The handle has left its multi handle. */
void transfer_end(struct transfer *transfer, CURLcode code,
		  struct transfer_end *end_out);

/* The answer into the call. -1: a 2xx was to be JSON and is none. */
int transfer_answer(struct transfer *transfer, int status);

#endif
