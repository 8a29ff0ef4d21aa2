/* SPDX-License-Identifier: Apache-2.0 */
/* export - see export.h. */
#include "gateway/upstream/export.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include <gantry/option.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"

#define EXPORT_MAX_HEADERS 32
#define EXPORT_IDLE_S 60L

struct export {
	CURL *curl;
	struct curl_slist *headers;
	struct export_answer *answer;	/* of the POST under way */
	_Atomic int64_t end_ns;
	char reason[CURL_ERROR_SIZE];
};

static void export_add_header(struct export *e, const char *line)
{
	struct curl_slist *list = curl_slist_append(e->headers, line);

	if (list == NULL)
		abort();
	e->headers = list;
}

static bool export_is_header(const char *line)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t name = strspn(line, token);

	if (name == 0 || line[name] != ':')
		return false;
	for (const char *c = line + name + 1; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return true;
}

/* Line by line; text is cut in place. The lines themselves are not shown. */
static int export_take_headers(struct export *e, const char *path, char *text,
			       struct gantry_error *err)
{
	unsigned n = 0, number = 0;
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		size_t len = strlen(line);

		number++;
		while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
			line[--len] = '\0';
		if (len == 0)
			continue;
		if (!export_is_header(line))
			return gantry_fail(err, "%s:%u: not a header \"Name: value\"",
					   path, number);
		if (++n > EXPORT_MAX_HEADERS)
			return gantry_fail(err, "%s: more than %d headers", path,
					   EXPORT_MAX_HEADERS);
		export_add_header(e, line);
	}
	return 0;
}

static int export_read_headers(struct export *e, const char *path,
			       struct gantry_error *err)
{
	char *text;
	size_t len;
	int taken;

	if (path == NULL)
		return 0;
	text = gantry_secret(path, &len, err);
	if (text == NULL)
		return -1;
	taken = export_take_headers(e, path, text, err);
	gantry_secret_free(&text, len);
	return taken;
}

static size_t export_take(char *bytes, size_t size, size_t n, void *ctx)
{
	struct export_answer *a = ((struct export *)ctx)->answer;
	size_t len = size * n, room = sizeof(a->body) - 1 - a->len;

	if (room > len)
		room = len;
	memcpy(a->body + a->len, bytes, room);
	a->len += room;
	a->body[a->len] = '\0';
	return len;
}

static int export_watch(void *ctx, curl_off_t down, curl_off_t got, curl_off_t up,
			curl_off_t sent)
{
	(void)down;
	(void)got;
	(void)up;
	(void)sent;
	return clock_steady_ns() > atomic_load(&((struct export *)ctx)->end_ns);
}

/* libcurl copies the texts. */
static void export_set(struct export *e, const struct export_options *o)
{
	CURL *curl = e->curl;

	curl_easy_setopt(curl, CURLOPT_URL, o->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* or a name that nobody resolves would hold up the end */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)o->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, EXPORT_IDLE_S);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (o->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, o->ca_file);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "gantry/" VERSION_TEXT);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, e->headers);
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, export_take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, e);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, export_watch);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, e);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, e->reason);
}

struct export *export_new(const struct export_options *options,
			  struct gantry_error *err)
{
	struct export *e = memory_new(sizeof(*e));
	AUTO_FREE char *type = memory_format("Content-Type: %s", options->content_type);

	curl_global_init(CURL_GLOBAL_DEFAULT);
	atomic_init(&e->end_ns, INT64_MAX);
	export_add_header(e, type);
	export_add_header(e, "Expect:");
	e->curl = curl_easy_init();
	if (e->curl == NULL)
		abort();
	if (export_read_headers(e, options->headers_file, err) < 0) {
		export_free(&e);
		return NULL;
	}
	export_set(e, options);
	return e;
}

/* What was read from a file is not left in memory. */
void export_free(struct export **export)
{
	struct export *e = *export;

	if (e == NULL)
		return;
	for (struct curl_slist *h = e->headers; h != NULL; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(e->headers);
	curl_easy_cleanup(e->curl);
	curl_global_cleanup();
	free(e);
	*export = NULL;
}

void export_post(struct export *e, const char *body, size_t len,
		 struct export_answer *out)
{
	curl_off_t after = 0;
	long status = 0;
	CURLcode code;

	*out = (struct export_answer){ 0 };
	e->answer = out;
	e->reason[0] = '\0';
	curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	code = curl_easy_perform(e->curl);
	if (code != CURLE_OK) {
		snprintf(out->text, sizeof(out->text), "%s",
			 e->reason[0] != '\0' ? e->reason : curl_easy_strerror(code));
		return;
	}
	curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(e->curl, CURLINFO_RETRY_AFTER, &after);
	out->status = (int)status;
	out->after_ms = after > INT32_MAX ? INT32_MAX : (int64_t)after * 1000;
}

void export_end_at(struct export *export, int64_t end_ns)
{
	atomic_store(&export->end_ns, end_ns);
}
