/* SPDX-License-Identifier: Apache-2.0 */
/* site - see site.h. */
#include "gateway/admin/site.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/config/config.h"
#include "gateway/pipeline/message.h"

#define SITE_HEADER "X-Gantry-Admin"
#define SITE_COOKIE "gantry-session"

/* The host of "localhost:9080" or "[::1]:9080", without brackets; its port in
   *port_out, "" if there is none. NULL: neither. */
static const char *site_split(struct arena *arena, const char *text, const char **port_out)
{
	bool bracket = *text == '[';
	size_t len = strcspn(text + bracket, bracket ? "]" : ":");
	const char *rest = text + bracket + len;

	if (bracket && *rest++ != ']')
		return NULL;
	if (len == 0 || (*rest != '\0' && *rest != ':'))
		return NULL;
	*port_out = *rest == ':' ? rest + 1 : "";
	if (strspn(*port_out, "0123456789") != strlen(*port_out) || strlen(*port_out) > 5)
		return NULL;
	return arena_text_n(arena, text + bracket, len);
}

void site_init(struct site *site, const struct config_admin *config)
{
	const char *port = "", **hosts;
	size_t n = 0;

	*site = (struct site){ .tls = config->cert_file != NULL };
	site->listen = site_split(&site->arena, config->listen, &port);
	if (site->listen == NULL)
		site->listen = "localhost";
	site->any = strcmp(site->listen, "0.0.0.0") == 0 || strcmp(site->listen, "::") == 0;
	if (!parse_integer(port, &site->port))
		site->port = 0;
	while (config->hosts != NULL && config->hosts[n] != NULL)
		n++;
	hosts = arena_zero(&site->arena, (n + 1) * sizeof(*hosts));
	for (size_t i = 0; i < n; i++)
		hosts[i] = arena_text(&site->arena, config->hosts[i]);
	site->hosts = hosts;
}

void site_fini(struct site *site)
{
	arena_fini(&site->arena);
}

static bool site_is_address(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 ||
	       inet_pton(AF_INET6, host, &address) == 1;
}

bool site_is_ours(const struct site *site, const char *text)
{
	static const char *const loopback[] = { "localhost", "127.0.0.1", "::1" };
	struct arena arena = { 0 };
	const char *port, *host = text != NULL ? site_split(&arena, text, &port) : NULL;
	bool ours = false;

	for (size_t i = 0; host != NULL && i < ARRAY_LENGTH(loopback); i++)
		ours |= strcasecmp(host, loopback[i]) == 0;
	for (size_t i = 0; host != NULL && site->hosts[i] != NULL; i++)
		ours |= strcasecmp(host, site->hosts[i]) == 0;
	/* who came by an address has not been led here by a name */
	ours |= host != NULL && (strcasecmp(host, site->listen) == 0 ||
				 (site->any && site_is_address(host)));
	arena_fini(&arena);
	return ours;
}

/* Behind somebody who ends TLS for us it is https, and Host the same. */
static bool site_is_origin(const struct site *site, const struct gantry_message *m,
			   const char *origin)
{
	const char *host = gantry_header(m, "Host");

	if (host == NULL)
		return false;
	if (strncmp(origin, "https://", 8) == 0)
		return strcasecmp(origin + 8, host) == 0;
	return !site->tls && strncmp(origin, "http://", 7) == 0 &&
	       strcasecmp(origin + 7, host) == 0;
}

bool site_is_own_page(const struct site *site, const struct gantry_message *m)
{
	const char *origin = gantry_header(m, "Origin");
	const char *from = gantry_header(m, "Sec-Fetch-Site");

	return gantry_header(m, SITE_HEADER) != NULL && origin != NULL &&
	       site_is_origin(site, m, origin) &&
	       (from == NULL || strcmp(from, "same-origin") == 0);
}

bool site_is_fetched_by_others(const struct gantry_message *m)
{
	const char *from = gantry_header(m, "Sec-Fetch-Site");

	return from != NULL && strcmp(from, "same-origin") != 0 && strcmp(from, "none") != 0;
}

bool site_is_secure(const struct site *site, const struct gantry_message *m)
{
	const char *origin = gantry_header(m, "Origin");

	return site->tls || (origin != NULL && strncmp(origin, "https://", 8) == 0);
}

const char *site_cookie_name(struct gantry_message *m)
{
	const char *host = gantry_header(m, "Host"), *port = "";

	if (host == NULL || site_split(&m->arena, host, &port) == NULL || *port == '\0')
		return SITE_COOKIE;
	return arena_format(&m->arena, SITE_COOKIE "-%s", port);
}

const char *site_cookie(struct gantry_message *m)
{
	const char *name = site_cookie_name(m), *text = gantry_header(m, "Cookie");
	size_t len = strlen(name);

	while (text != NULL && *text != '\0') {
		text += strspn(text, " ;");
		if (strncmp(text, name, len) == 0 && text[len] == '=')
			return arena_text_n(&m->arena, text + len + 1,
					    strcspn(text + len + 1, ";"));
		text += strcspn(text, ";");
	}
	return NULL;
}

const char *site_url(const struct site *site, unsigned port, struct arena *arena)
{
	const char *host = !site->any ? site->listen :
			   site->hosts[0] != NULL ? site->hosts[0] : "localhost";
	bool bracket = strchr(host, ':') != NULL;

	return arena_format(arena, "%s://%s%s%s:%" PRId64, site->tls ? "https" : "http",
			    bracket ? "[" : "", host, bracket ? "]" : "",
			    port != 0 ? (int64_t)port : site->port);
}
