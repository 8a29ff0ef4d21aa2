/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy - hands an HTTP request on to an upstream, and its answer back. Token,
 * retries, breaker and the bounds of time and size are the upstream's; what
 * belongs to one connection only is the core's to keep back.
 */
#include <gantry/plugin.h>

#include <string.h>

#include "headers.h"

#define PROXY_MAX_TARGET 8192u

struct proxy {
	const char *upstream;
	const char *strip_prefix;
	int64_t forwarded;
};

static const char *const proxy_forwarded[] = {
	[HEADERS_SET] = "set", [HEADERS_ADD] = "add", [HEADERS_OFF] = "off", NULL
};

static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct proxy, upstream, .fallback = "order-service",
		    .flags = GANTRY_OPTION_UPSTREAM,
		    .summary = "The upstream that requests are passed to"),
	GANTRY_TEXT(struct proxy, strip_prefix, .min = 2, .max = 1024,
		    .summary = "What the path begins with here, and not there"),
	GANTRY_CHOICE(struct proxy, forwarded, .fallback = "set",
		      .choices = proxy_forwarded,
		      .summary = "What the upstream hears about the client by "
				 "X-Forwarded-For, -Proto and -Host: what Gantry sees, "
				 "that behind what stands there, or nothing"),
	NULL
};

static int proxy_check(const void *self, struct gantry_error *err)
{
	const char *prefix = ((const struct proxy *)self)->strip_prefix;

	if (prefix == NULL ||
	    (*prefix == '/' && prefix[strlen(prefix) - 1] != '/' &&
	     strpbrk(prefix, "?# {}") == NULL))
		return 0;
	return gantry_fail(err, "strip_prefix: begins with / and does not end with it: \"%s\"",
			   prefix);
}

/*
 * A part of the path that leads upwards would be another path for the upstream
 * than the route had in mind. Some cut a part at ";" first.
 */
static bool proxy_leads_away(const char *path)
{
	if (strchr(path, '\\') != NULL)
		return true;
	while ((path = strchr(path, '/')) != NULL) {
		size_t dots = strspn(++path, "."), len = strcspn(path, "/;");

		if (len > 0 && len == dots && dots <= 2)
			return true;
	}
	return false;
}

/* The target without the prefix, or NULL: it does not begin so. */
static const char *proxy_strip(const char *target, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(target, prefix, len) != 0 || strchr("/?", target[len]) == NULL)
		return NULL;
	return target + len;
}

static enum gantry_verdict proxy_target(const struct proxy *p, struct gantry_message *m,
					const char **path_out, struct gantry_error *err)
{
	const char *target = gantry_target(m);

	if (proxy_leads_away(gantry_path(m))) {
		gantry_fail(err, "The path has a part that leads upwards");
		return gantry_reject(err, "VALIDATION_ERROR");
	}
	if (p->strip_prefix != NULL)
		target = proxy_strip(target, p->strip_prefix);
	if (target == NULL)
		return gantry_reject(err, "ROUTE_NOT_FOUND");
	*path_out = *target == '/' ? target : gantry_format(m, "/%s", target);
	if (strlen(*path_out) <= PROXY_MAX_TARGET)
		return GANTRY_NEXT;
	gantry_fail(err, "The target has more than %u bytes", PROXY_MAX_TARGET);
	return gantry_reject(err, "HEADERS_TOO_LARGE");
}

static enum gantry_verdict proxy_pass(void *self, struct gantry_message *m,
				      struct gantry_error *err)
{
	const struct proxy *p = self;
	struct gantry_request request = GANTRY_REQUEST(.upstream = p->upstream,
						       .method = gantry_method(m),
						       .verbatim = true);
	const struct gantry_answer *answer;
	enum gantry_verdict verdict;

	/* not said, and there is none: a preset's route to what is not used */
	if (p->upstream == NULL) {
		gantry_fail(err, "There is no upstream \"order-service\"");
		return gantry_reject(err, "ROUTE_NOT_FOUND");
	}
	if (gantry_source(m) != GANTRY_SOURCE_HTTP) {
		gantry_fail(err, "only what comes over http can be passed on");
		return gantry_reject(err, "INTERNAL_ERROR");
	}
	verdict = proxy_target(p, m, &request.path, err);
	if (verdict != GANTRY_NEXT)
		return verdict;
	request.headers = headers_make(m, (enum headers_forwarded)p->forwarded);
	request.body = gantry_body(m, &request.body_len);
	if (request.body_len == 0)
		request.body = NULL;
	answer = gantry_call(m, &request, err);
	if (answer == NULL)
		return GANTRY_FAILED;
	if (gantry_reply_answer(m, answer, err) < 0)
		return gantry_retry(err, "UPSTREAM_BAD_ANSWER");
	return GANTRY_DONE;
}

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "pass", .handle = proxy_pass, .verbatim = true,
		       .summary = "Answer as the upstream answers"),
	NULL
};

GANTRY_PLUGIN(.name = "proxy", .version = VERSION_TEXT,
	      .summary = "Hands requests on to an upstream",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct proxy),
	      .options = options, .check = proxy_check, .handlers = handlers);
