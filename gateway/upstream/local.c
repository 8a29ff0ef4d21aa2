/* SPDX-License-Identifier: Apache-2.0 */
/* local - see local.h. One curl handle, whose connection is kept. */
#include "gateway/upstream/local.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"

#define LOCAL_MAX_ANSWER (16u << 20)
#define LOCAL_TIMEOUT_S 60L

struct local {
	CURL *curl;
	char *path;
	char error[CURL_ERROR_SIZE];
	char *answer;
	size_t len, room;
};

/* curl says "Couldn't connect to server" of all that can be wrong. */
static int local_probe(const char *path, struct gantry_error *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, failed;

	if (strlen(path) >= sizeof(un.sun_path))
		return gantry_fail(err, "%s: longer than %zu bytes", path,
				   sizeof(un.sun_path) - 1);
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return gantry_fail(err, "%s: %s", path, strerror(errno));
	failed = connect(fd, (const struct sockaddr *)&un, sizeof(un)) < 0 ? errno : 0;
	close(fd);
	if (failed == ENOENT || failed == ECONNREFUSED)
		return gantry_fail(err, "%s: %s: is the daemon running?", path,
				   strerror(failed));
	if (failed == EACCES)
		return gantry_fail(err, "%s: %s: only root and members of the group "
				   "gantry may do this", path, strerror(failed));
	return failed == 0 ? 0 : gantry_fail(err, "%s: %s", path, strerror(failed));
}

static size_t local_take(char *bytes, size_t size, size_t n, void *ctx)
{
	struct local *local = ctx;
	size_t len = size * n;

	if (len > LOCAL_MAX_ANSWER - local->len)
		return 0;
	if (local->len + len > local->room) {
		local->room = 2 * (local->len + len);
		local->answer = memory_grow(local->answer, local->room, 1);
	}
	memcpy(local->answer + local->len, bytes, len);
	local->len += len;
	return len;
}

struct local *local_open(const char *path, struct gantry_error *err)
{
	struct local *local;

	if (local_probe(path, err) < 0)
		return NULL;
	curl_global_init(CURL_GLOBAL_NOTHING);
	local = memory_new(sizeof(*local));
	local->path = memory_text(path);
	local->curl = curl_easy_init();
	if (local->curl == NULL) {
		gantry_fail(err, "libcurl cannot be used");
		local_close(&local);
	}
	return local;
}

void local_close(struct local **local_p)
{
	struct local *local = *local_p;

	if (local == NULL)
		return;
	*local_p = NULL;
	curl_easy_cleanup(local->curl);
	curl_global_cleanup();
	free(local->answer);
	free(local->path);
	free(local);
}

char *local_escape(struct local *local, const char *text)
{
	char *escaped = curl_easy_escape(local->curl, text, (int)strlen(text));
	char *copy = memory_text(escaped != NULL ? escaped : "");

	curl_free(escaped);
	return copy;
}

static void local_set(struct local *local, const char *method, const char *url,
		      struct curl_slist *headers)
{
	CURL *curl = local->curl;

	curl_easy_reset(curl);	/* keeps the connection */
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, local->path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, LOCAL_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, local->error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, local_take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, local);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

int local_ask(struct local *local, const char *method, const char *target,
	      const char *body, size_t len, struct local_answer *out,
	      struct gantry_error *err)
{
	AUTO_FREE char *url = memory_format("http://localhost%s", target);
	struct curl_slist *headers =
		curl_slist_append(NULL, "Content-Type: application/json");
	long status = 0;
	CURLcode code;

	local->len = 0;
	local->error[0] = '\0';
	/*
	 * A body above 1 MiB waits for "100 Continue", so that one that is too
	 * large is refused before it is sent, not in the middle.
	 */
	local_set(local, method, url, headers);
	if (strcmp(method, "POST") == 0) {
		curl_easy_setopt(local->curl, CURLOPT_POSTFIELDS, body != NULL ? body : "");
		curl_easy_setopt(local->curl, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)(body != NULL ? len : 0));
	}
	code = curl_easy_perform(local->curl);
	curl_slist_free_all(headers);
	if (code != CURLE_OK)
		return gantry_fail(err, "%s: %s", local->path, *local->error != '\0' ?
				   local->error : curl_easy_strerror(code));
	curl_easy_getinfo(local->curl, CURLINFO_RESPONSE_CODE, &status);
	out->status = (int)status;
	out->body = json_loadb(local->len > 0 ? local->answer : "", local->len, 0, NULL);
	return 0;
}

const char *local_bytes(const struct local *local, size_t *len_out)
{
	*len_out = local->len;
	return local->answer;
}
