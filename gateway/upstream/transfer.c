/* SPDX-License-Identifier: Apache-2.0 */
/* transfer - see transfer.h. */
#include "gateway/upstream/transfer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/memory.h"
#include "gateway/pipeline/tree.h"
#include "gateway/upstream/retry.h"

#define TRANSFER_MAX_LINES 100u
#define TRANSFER_MAX_HEAD (64u << 10)
/* What the other side may close while we think of using it. */
#define TRANSFER_IDLE_S 30L

static size_t transfer_too_large(struct transfer *t)
{
	t->too_large = true;
	return 0;
}

static bool transfer_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Each status line begins a head anew: 100 Continue comes before the answer. */
static size_t transfer_take_line(char *bytes, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * n, cut = len;

	t->head_len += len;
	if (t->head_len > TRANSFER_MAX_HEAD)
		return transfer_too_large(t);
	if (len > 5 && strncmp(bytes, "HTTP/", 5) == 0)
		t->n_lines = 0;
	while (cut > 0 && transfer_is_space(bytes[cut - 1]))
		cut--;
	/* behind the body come trailers, which nobody asked for */
	if (cut == 0 || t->body != NULL || memchr(bytes, ':', cut) == NULL ||
	    strncmp(bytes, "HTTP/", 5) == 0)
		return len;
	if (t->n_lines == TRANSFER_MAX_LINES)
		return transfer_too_large(t);
	t->lines[t->n_lines++] = arena_text_n(&t->call->arena, bytes, cut);
	return len;
}

static size_t transfer_take(char *bytes, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * n, room = t->room;
	curl_off_t whole = 0;

	if (len > (size_t)t->upstream->max_response - t->len)
		return transfer_too_large(t);
	if (room == 0)
		curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &whole);
	if (whole > 0 && whole <= t->upstream->max_response)
		room = (size_t)whole + 1;
	while (t->len + len + 1 > room)
		room = room == 0 ? 4096 : room * 2;
	if (room != t->room) {
		t->body = arena_extend(&t->call->arena, t->body, t->room, room);
		t->room = room;
	}
	memcpy(t->body + t->len, bytes, len);
	t->len += len;
	return len;
}

/* line lives as long as the try. */
static void transfer_header(struct transfer *t, const char *line)
{
	struct curl_slist *node = arena_alloc(&t->call->arena, sizeof(*node));

	*node = (struct curl_slist){ .data = (char *)(uintptr_t)line };
	*t->headers_end = node;
	t->headers_end = &node->next;
}

static void transfer_pair(struct transfer *t, const char *name, const char *value)
{
	size_t n = strlen(name), len = strlen(value);
	char *line = arena_alloc(&t->call->arena, n + len + 1);

	memcpy(line, name, n);
	memcpy(line + n, value, len + 1);
	transfer_header(t, line);
}

static bool transfer_has_header(const struct call *call, const char *name)
{
	size_t len = strlen(name);

	for (const char *const *h = call->request.headers; *h != NULL; h++)
		if (strncasecmp(*h, name, len) == 0 && (*h)[len] == ':')
			return true;
	return false;
}

/* "Name: " is a header that libcurl leaves out; "Name;" is an empty one. */
static void transfer_own_header(struct transfer *t, const char *header)
{
	size_t name = strcspn(header, ":");
	const char *value = header + name + 1;

	if (value[strspn(value, " \t")] != '\0')
		transfer_header(t, header);
	else
		transfer_header(t, arena_format(&t->call->arena, "%.*s;", (int)name,
						header));
}

/* Also an empty one, with its length. */
static bool transfer_sends_body(const struct gantry_request *r)
{
	return r->body != NULL || strcmp(r->method, "POST") == 0 ||
	       strcmp(r->method, "PUT") == 0 || strcmp(r->method, "PATCH") == 0;
}

static void transfer_headers(struct transfer *t, const char *authorization)
{
	const struct call *call = t->call;
	bool verbatim = call->request.verbatim;

	for (const char *const *h = call->request.headers; *h != NULL; h++)
		transfer_own_header(t, *h);
	if (call->correlation_id != NULL)
		transfer_pair(t, "X-Correlation-ID: ", call->correlation_id);
	if (t->traceparent != NULL)
		transfer_pair(t, "traceparent: ", t->traceparent);
	if (t->traceparent != NULL && call->tracestate != NULL)
		transfer_pair(t, "tracestate: ", call->tracestate);
	if (authorization != NULL)
		transfer_header(t, authorization);
	/* libcurl has values of its own for what is not said */
	if (!transfer_has_header(call, "Accept"))
		transfer_header(t, verbatim ? "Accept:" : "Accept: application/json");
	if (!transfer_sends_body(&call->request))
		return;
	if (!transfer_has_header(call, "Content-Type"))
		transfer_header(t, call->request.body != NULL && !verbatim ?
				"Content-Type: application/json" : "Content-Type:");
	transfer_header(t, "Expect:");
}

/* A handle is used for any method after any other. */
static void transfer_set_method(struct transfer *t)
{
	const struct gantry_request *r = &t->call->request;
	bool head = strcmp(r->method, "HEAD") == 0;
	CURL *curl = t->curl;

	curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 0L);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, head ? NULL : r->method);
	if (head) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
		return;
	}
	if (transfer_sends_body(r)) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body != NULL ? r->body : "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
	}
	/*
	 * libcurl sends a request again if a kept connection closes under it,
	 * whatever its method is: then the first may have been carried out.
	 */
	if (!retry_is_safe(r))
		curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
}

/* Before each time that it sends. */
static int transfer_count(void *ctx, char *to, char *from, int to_port, int from_port)
{
	struct transfer *t = ctx;

	(void)to, (void)from, (void)to_port, (void)from_port;
	t->sent++;
	return CURL_PREREQFUNC_OK;
}

static void transfer_set_tls(CURL *curl, const struct config_upstream *u)
{
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, u->verify != CONFIG_VERIFY_NONE ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, u->verify == CONFIG_VERIFY_FULL ? 2L : 0L);
	if (u->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, u->ca_file);
	if (u->cert_file != NULL) {
		curl_easy_setopt(curl, CURLOPT_SSLCERT, u->cert_file);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, u->key_file);
	}
}

CURLU *transfer_url(const struct config_upstream *u)
{
	CURLU *url = curl_url();

	if (url == NULL)
		abort();
	/* what is wrong with it is said by each call */
	if (curl_url_set(url, CURLUPART_URL, u->url, CURLU_PATH_AS_IS) == CURLUE_OK)
		return url;
	curl_url_cleanup(url);
	return NULL;
}

CURL *transfer_handle(const struct config_upstream *u, CURLU *url)
{
	CURL *curl = curl_easy_init();

	if (curl == NULL)
		abort();
	if (url != NULL)
		curl_easy_setopt(curl, CURLOPT_CURLU, url);
	else
		curl_easy_setopt(curl, CURLOPT_URL, u->url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* or a name that nobody resolves would hold up all other calls */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)u->connect_timeout);
	curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, TRANSFER_IDLE_S);
	curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)u->max_response);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "gantry/" VERSION_TEXT);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, transfer_take_line);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, transfer_take);
	curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, transfer_count);
	transfer_set_tls(curl, u);
	return curl;
}

/*
 * The path of the URL, and that of the call behind it. The handle's URL stays as
 * it is: libcurl takes one that is new to pieces and puts it together again.
 */
static const char *transfer_target(struct transfer *t)
{
	const char *base = strchr(strstr(t->upstream->url, "://") + 3, '/');
	const char *path = t->call->request.path;
	size_t len = base != NULL ? strlen(base) : 0, path_len = strlen(path);
	char *target;

	while (len > 0 && base[len - 1] == '/')
		len--;
	if (len == 0)
		return path;
	target = arena_alloc(&t->call->arena, len + path_len + 1);
	memcpy(target, base, len);
	memcpy(target + len, path, path_len + 1);
	return target;
}

static void transfer_set(struct transfer *t)
{
	CURL *curl = t->curl;

	curl_easy_setopt(curl, CURLOPT_REQUEST_TARGET, transfer_target(t));
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->reason);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, t->headers);
}

void transfer_begin(struct transfer *t, CURL *curl, const char *authorization)
{
	struct call *call = t->call;

	assert(t->curl == NULL);
	json_decref(call->json);
	call->json = NULL;
	call->answer = (struct gantry_answer){ .size = sizeof(call->answer) };
	arena_reset(&call->arena);
	t->lines = arena_alloc(&call->arena,
			       (TRANSFER_MAX_LINES + 1) * sizeof(*t->lines));
	t->n_lines = 0;
	t->head_len = t->len = t->room = 0;
	t->body = NULL;
	t->sent = 0;
	t->too_large = false;
	t->reason[0] = '\0';
	t->headers = NULL;
	t->headers_end = &t->headers;
	t->curl = curl;
	transfer_headers(t, authorization);
	transfer_set(t);
	transfer_set_method(t);
}

static const char *transfer_word(const struct transfer *t, CURLcode code)
{
	if (t->too_large)
		return "too_large";
	switch (code) {
	case CURLE_FILESIZE_EXCEEDED:
		return "too_large";
	case CURLE_OPERATION_TIMEDOUT:
		return "timeout";
	case CURLE_COULDNT_RESOLVE_HOST:
		return "unresolved";
	case CURLE_COULDNT_CONNECT:
		return "unreachable";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
		return "tls";
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return "broken";
	default:
		return "_OTHER";
	}
}

/* Without the address: the caller of ours may hear it. The log has t->reason. */
static void transfer_why(const struct transfer *t, CURLcode code,
			 struct transfer_end *end)
{
	end->transient = true;
	end->word = transfer_word(t, code);
	end->code = "UPSTREAM_BAD_ANSWER";
	if (t->too_large || code == CURLE_FILESIZE_EXCEEDED) {
		end->transient = false;
		snprintf(end->text, sizeof(end->text), "the answer is larger than %"
			 PRId64 " bytes", t->upstream->max_response);
	} else if (code == CURLE_OPERATION_TIMEDOUT) {
		end->code = "UPSTREAM_TIMEOUT";
		snprintf(end->text, sizeof(end->text), "no answer within %" PRId64 " ms",
			 t->timeout_ms);
	} else if (code == CURLE_COULDNT_RESOLVE_HOST) {
		end->code = "UPSTREAM_UNREACHABLE";
		strcpy(end->text, "its host cannot be found");
	} else if (code == CURLE_COULDNT_CONNECT) {
		end->code = "UPSTREAM_UNREACHABLE";
		strcpy(end->text, "cannot be connected to");
	} else if (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR ||
		   code == CURLE_SEND_ERROR || code == CURLE_PARTIAL_FILE) {
		strcpy(end->text, "the connection broke");
	} else if (code == CURLE_PEER_FAILED_VERIFICATION) {
		end->code = "UPSTREAM_UNREACHABLE";
		end->transient = false;
		strcpy(end->text, "its certificate is not accepted");
	} else if (code == CURLE_SSL_CONNECT_ERROR) {
		end->code = "UPSTREAM_UNREACHABLE";
		strcpy(end->text, "TLS failed");
	} else if (code == CURLE_UNSUPPORTED_PROTOCOL ||
		   code == CURLE_WEIRD_SERVER_REPLY) {
		end->transient = false;
		strcpy(end->text, "the answer is not HTTP");
	} else {
		end->transient = false;
		snprintf(end->text, sizeof(end->text), "%s", curl_easy_strerror(code));
	}
}

void transfer_end(struct transfer *t, CURLcode code, struct transfer_end *end_out)
{
	curl_off_t after = 0;
	long status = 0;

	*end_out = (struct transfer_end){ 0 };
	if (code == CURLE_OK) {
		curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &after);
		end_out->status = (int)status;
		end_out->after_ms = after > INT32_MAX ? INT32_MAX : (int64_t)after * 1000;
	} else {
		transfer_why(t, code, end_out);
	}
	/* libcurl counts how often a handle had to send again, ever, and gives up
	   at the fifth time */
	end_out->used_up = code != CURLE_OK || t->sent != 1;
	curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
	t->curl = NULL;
	t->headers = NULL;
}

int transfer_answer(struct transfer *t, int status)
{
	struct call *call = t->call;
	const char *body = "";

	t->lines[t->n_lines] = NULL;
	if (t->body != NULL) {
		t->body[t->len] = '\0';
		body = t->body;
	}
	if (!call->request.verbatim)
		call->json = tree_load(body, t->len, 0, NULL);
	call->answer = (struct gantry_answer){
		.size = sizeof(call->answer), .status = status, .headers = t->lines,
		.body = body, .body_len = t->len, .json = call->json,
	};
	return call->request.want_json && status >= 200 && status < 300 &&
	       call->json == NULL ? -1 : 0;
}
