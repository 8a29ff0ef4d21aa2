/* SPDX-License-Identifier: Apache-2.0 */
/* upstreams - see upstreams.h. */
#include "gateway/config/upstreams.h"

#include <string.h>

#include "gateway/base/utf8.h"
#include "gateway/config/nearest.h"
#include "gateway/config/option.h"

static const char *const upstreams_verify[] = { "full", "ca", "none", NULL };

const struct gantry_option *const upstreams_options[] = {
	GANTRY_TEXT(struct config_upstream, url,
		    .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "http:// or https:// with host and port; a path "
			       "stands before that of each call"),
	GANTRY_DURATION(struct config_upstream, timeout, .fallback = "3s",
			.min = 1, .max = 600000,
			.summary = "for one try of a call"),
	GANTRY_DURATION(struct config_upstream, connect_timeout,
			.fallback = "1s", .min = 1, .max = 60000,
			.summary = "for connecting, TLS included"),
	GANTRY_DURATION(struct config_upstream, deadline, .fallback = "10s",
			.min = 1, .max = 600000,
			.summary = "for a call with all its tries and pauses"),
	GANTRY_INTEGER(struct config_upstream, retries, .fallback = "2",
		       .min = 0, .max = 10,
		       .summary = "tries after the first, if a call may be "
				  "made twice"),
	GANTRY_DURATION(struct config_upstream, backoff, .fallback = "100ms",
			.min = 1, .max = 60000,
			.summary = "the longest first pause between two tries; "
				   "doubles each time"),
	GANTRY_DURATION(struct config_upstream, max_backoff, .fallback = "5s",
			.min = 1, .max = 600000,
			.summary = "the longest pause at all, and how long a "
				   "Retry-After may be"),
	GANTRY_SIZE(struct config_upstream, max_response, .fallback = "1M",
		    .min = 1024, .max = 64 << 20,
		    .summary = "largest body of an answer"),
	GANTRY_INTEGER(struct config_upstream, pool, .fallback = "16",
		       .min = 1, .max = 1024,
		       .summary = "calls at once, each with a connection"),
	GANTRY_INTEGER(struct config_upstream, queue, .fallback = "1024",
		       .min = 0, .max = 65536,
		       .summary = "calls that may wait for a connection"),
	GANTRY_TEXT(struct config_upstream, breaker,
		    .summary = "name of the breaker that guards it"),
	GANTRY_TEXT(struct config_upstream, auth,
		    .summary = "name of the auth that signs our tokens"),
	GANTRY_TEXT(struct config_upstream, audience, .min = 1, .max = 255,
		    .summary = "aud of our tokens; if not said, the upstream's "
			       "name"),
	GANTRY_LIST(struct config_upstream, roles, .min = 1, .max = 16,
		    .summary = "roles in our tokens; if not said, the "
			       "service's name"),
	GANTRY_TEXT(struct config_upstream, kid, .min = 1, .max = 255,
		    .summary = "which key of a set signs our tokens"),
	GANTRY_DURATION(struct config_upstream, token_ttl, .fallback = "5m",
			.min = 10000, .max = 86400000,
			.summary = "how long a token of ours is valid"),
	GANTRY_PATH(struct config_upstream, ca_file,
		    .summary = "CAs that sign its certificate; those of the "
			       "system if not said"),
	GANTRY_PATH(struct config_upstream, cert_file,
		    .summary = "certificate that it asks of us"),
	GANTRY_SECRET_FILE(struct config_upstream, key_file,
			   .summary = "file with the key of cert_file"),
	GANTRY_CHOICE(struct config_upstream, verify, .fallback = "full",
		      .choices = upstreams_verify,
		      .summary = "full: certificate and host name; ca: the "
				 "certificate only; none: neither"),
	NULL
};

/* What is being looked at. */
struct upstreams_at {
	const struct config *config;
	const struct config_entry *entry;
	struct problems *problems;
};

static void upstreams_wrong(const struct upstreams_at *at, const char *key,
			    const char *what)
{
	const struct node *node = node_get(at->entry->node, key);

	problems_add(at->problems, node != NULL ? node : at->entry->key,
		     "%s.%s: %s", at->entry->path, key, what);
}

static void upstreams_check_url(const struct upstreams_at *at, const char *url)
{
	const struct node *node = node_get(at->entry->node, "url");
	const char *rest;

	rest = strncmp(url, "http", 4) == 0 ? url + 4 + (url[4] == 's') : url;
	if (rest == url || strncmp(rest, "://", 3) != 0 ||
	    strspn(rest + 3, "/?#:@") != 0 || rest[3] == '\0' ||
	    strchr(url, ' ') != NULL ||
	    !utf8_is_printable_ascii(url, strlen(url), 2048)) {
		problems_add(at->problems, node,
			     "%s.url: not a URL that begins with http:// or "
			     "https://: \"%s\"", at->entry->path, url);
		return;
	}
	if (strpbrk(rest, "?#") != NULL)
		upstreams_wrong(at, "url", "nothing comes after its path");
	else if (memchr(rest, '@', 3 + strcspn(rest + 3, "/")) != NULL)
		upstreams_wrong(at, "url", "a user does not stand in the URL; "
				"say auth");
}

/* A name must be that of an entry of list. */
static void upstreams_check_name(const struct upstreams_at *at, const char *key,
				 const char *name, const struct config_list *list)
{
	struct nearest near = { .wrong = name };

	if (name == NULL || config_find(list, name) != NULL)
		return;
	for (unsigned i = 0; i < list->n; i++)
		nearest_try(&near, list->items[i]->name);
	problems_add(at->problems, node_get(at->entry->node, key),
		     "%s.%s: there is no %s \"%s\"%s", at->entry->path, key, key,
		     name, nearest_hint(&near, &at->problems->arena));
}

static void upstreams_check_tls(const struct upstreams_at *at,
				const struct config_upstream *u)
{
	static const char *const keys[] = { "ca_file", "cert_file", "key_file",
					    "verify", NULL };

	if ((u->cert_file != NULL) != (u->key_file != NULL))
		upstreams_wrong(at, u->cert_file != NULL ? "cert_file" : "key_file",
				"cert_file and key_file belong together");
	for (size_t i = 0; keys[i] != NULL &&
	     strncmp(u->url, "https://", 8) != 0; i++)
		if (node_get(at->entry->node, keys[i]) != NULL)
			upstreams_wrong(at, keys[i], "only with an https:// URL");
}

static void upstreams_check_token(const struct upstreams_at *at,
				  const struct config_upstream *u)
{
	static const char *const keys[] = { "audience", "roles", "kid",
					    "token_ttl", NULL };

	upstreams_check_name(at, "auth", u->auth, &at->config->auth);
	for (size_t i = 0; keys[i] != NULL && u->auth == NULL; i++)
		if (node_get(at->entry->node, keys[i]) != NULL)
			upstreams_wrong(at, keys[i], "only with auth");
}

/* A breaker has one state, so it is about one service. */
static void upstreams_check_breaker(const struct upstreams_at *at,
				    const struct config_upstream *u)
{
	const struct config_upstream *other = at->config->upstream;

	upstreams_check_name(at, "breaker", u->breaker, &at->config->breakers);
	for (; u->breaker != NULL && other != u; other++)
		if (other->breaker != NULL && strcmp(other->breaker, u->breaker) == 0)
			problems_add(at->problems, node_get(at->entry->node, "breaker"),
				     "%s.breaker: \"%s\" guards upstreams.%s already",
				     at->entry->path, u->breaker, other->name);
}

void upstreams_fill(struct config *config, struct problems *problems)
{
	config->upstream = arena_zero(&config->arena, (config->upstreams.n + 1) *
				      sizeof(*config->upstream));
	for (unsigned i = 0; i < config->upstreams.n; i++) {
		const struct config_entry *entry = config->upstreams.items[i];
		struct config_upstream *u = &config->upstream[i];
		const struct upstreams_at at = { config, entry, problems };
		struct option_job job = { upstreams_options, entry->path, NULL,
				  &config->arena, problems, false };

		u->name = entry->name;
		if (option_fill(&job, entry->node, u) < 0)
			continue;
		upstreams_check_url(&at, u->url);
		upstreams_check_tls(&at, u);
		upstreams_check_token(&at, u);
		upstreams_check_breaker(&at, u);
		if (u->connect_timeout > u->timeout)
			u->connect_timeout = u->timeout;
		if (u->deadline < u->timeout)
			upstreams_wrong(&at, "deadline", "is shorter than timeout");
	}
}
