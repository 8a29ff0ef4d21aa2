/* SPDX-License-Identifier: Apache-2.0 */
/* endpoints - see endpoints.h. */
#include "gateway/config/endpoints.h"

#include <string.h>
#include <strings.h>

#include "gateway/base/parse.h"
#include "gateway/base/utf8.h"

#define ENDPOINTS_MIN_RETRY_MS 100
#define ENDPOINTS_MAX_RETRY_MS (INT64_C(86400) * 1000)

static const char endpoints_host[] = "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

static int endpoints_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;

	/* | 0x20 makes digits of control characters, too */
	return at != NULL && c >= '0' ? (int)(at - digits) : -1;
}

/* Virtual hosts may hold anything, escaped: "%2Fshop". NULL: bad escape. */
static const char *endpoints_vhost(const char *text, struct arena *arena)
{
	char *out = arena_text(arena, text), *to = out;

	for (const char *at = text; *at != '\0'; at++) {
		int high, low;

		if (*at != '%') {
			*to++ = *at;
			continue;
		}
		high = endpoints_digit(at[1]);
		low = high < 0 ? -1 : endpoints_digit(at[2]);
		if (low < 0 || high * 16 + low == 0)
			return NULL;
		*to++ = (char)(high * 16 + low);
		at += 2;
	}
	*to = '\0';
	return utf8_is_id(out, strlen(out), 255) ? out : NULL;
}

/* "h1:5672", "[::1]:5672", "h1" of len bytes. */
static int endpoints_one(const char *text, size_t len, struct arena *arena,
			 struct config_endpoint *out, struct gantry_error *err)
{
	char *copy = arena_text_n(arena, text, len);
	char *host = copy, *end, *rest;
	int64_t port = out->port;

	if (*host == '[') {
		end = strchr(++host, ']');
		rest = end != NULL ? end + 1 : host;
	} else {
		rest = end = host + strspn(host, endpoints_host);
	}
	if (end == NULL || end == host || (*rest != ':' && *rest != '\0'))
		return gantry_fail(err, "not a host, or host:port: \"%.*s\"",
				   (int)len, text);
	if (*rest == ':' && (!parse_integer(rest + 1, &port) || port < 1 ||
			     port > 65535))
		return gantry_fail(err, "not a port of 1 to 65535: \"%s\"",
				   rest + 1);
	*end = '\0';
	out->host = host;
	out->port = (int)port;
	out->text = arena_format(arena, *copy == '[' ? "[%s]:%d" : "%s:%d", host,
				 out->port);
	return 0;
}

static int endpoints_twice(const struct config_endpoint *list, unsigned n,
			   struct gantry_error *err)
{
	for (unsigned i = 0; i + 1 < n; i++)
		if (strcasecmp(list[i].text, list[n - 1].text) == 0)
			return gantry_fail(err, "%s is there twice",
					   list[i].text);
	return 0;
}

static int endpoints_hosts(const char *text, size_t len, struct arena *arena,
			   struct config_amqp *amqp, struct gantry_error *err)
{
	struct config_endpoint *list =
		arena_zero(arena, ENDPOINTS_MAX * sizeof(*list));
	const char *end = text + len;
	unsigned n = 0;

	for (;;) {
		size_t one = (size_t)(end - text);
		const char *comma = memchr(text, ',', one);

		if (comma != NULL)
			one = (size_t)(comma - text);
		if (n == ENDPOINTS_MAX)
			return gantry_fail(err, "more than %d hosts",
					   ENDPOINTS_MAX);
		list[n].port = amqp->tls ? 5671 : 5672;
		if (endpoints_one(text, one, arena, &list[n], err) < 0)
			return -1;
		if (endpoints_twice(list, ++n, err) < 0)
			return -1;
		if (comma == NULL)
			break;
		text = comma + 1;
	}
	amqp->endpoints = list;
	amqp->n_endpoints = n;
	return 0;
}

int endpoints_parse(const char *url, struct arena *arena,
		    struct config_amqp *amqp, struct gantry_error *err)
{
	const char *at = strstr(url, "://"), *path;
	size_t len;

	amqp->tls = strncmp(url, "amqps://", 8) == 0;
	if (at == NULL || (!amqp->tls && strncmp(url, "amqp://", 7) != 0))
		return gantry_fail(err, "not a URL that begins with amqp:// or "
					"amqps://");
	at += 3;
	len = strcspn(at, "/?#");
	if (memchr(at, '@', len) != NULL)
		return gantry_fail(err, "a user does not stand in the URL; say "
					"amqp.user and amqp.password_file");
	path = at + len;
	if (strpbrk(path, "?#") != NULL)
		return gantry_fail(err, "nothing comes after the virtual host; "
					"? and # in its name are %%3F and "
					"%%23");
	if (*path == '/' && strchr(path + 1, '/') != NULL)
		return gantry_fail(err, "a / in the name of the virtual host is "
					"%%2F");
	if (endpoints_hosts(at, len, arena, amqp, err) < 0)
		return -1;
	amqp->vhost = "/";
	if (*path == '/' && path[1] != '\0')
		amqp->vhost = endpoints_vhost(path + 1, arena);
	if (amqp->vhost == NULL)
		return gantry_fail(err, "the virtual host has a bad escape, or "
					"is no name of at most 255 bytes");
	return 0;
}

static int endpoints_add(struct problems *problems,
			 const struct config_entry *entry, const char *key,
			 const char *what)
{
	const struct node *at = node_get(entry->node, key);

	return problems_add(problems, at != NULL ? at : entry->key, "%s.%s: %s",
			    entry->path, key, what);
}

static void endpoints_retry(struct config *config, struct problems *problems)
{
	struct config_amqp *amqp = &config->broker;
	const struct node *list = node_get(config->amqp->node, "retry");
	int64_t *ms = arena_zero(&config->arena,
				 ENDPOINTS_MAX_RETRY * sizeof(*ms));
	unsigned n = 0;

	for (; amqp->retry[n] != NULL && n < ENDPOINTS_MAX_RETRY; n++) {
		const struct node *at = list != NULL ? list->items[n] :
						       config->amqp->key;
		const char *wrong = NULL;

		if (!parse_duration(amqp->retry[n], &ms[n]) ||
		    ms[n] < ENDPOINTS_MIN_RETRY_MS ||
		    ms[n] > ENDPOINTS_MAX_RETRY_MS)
			wrong = "not a duration of 100ms to 24h";
		else if (n > 0 && ms[n] <= ms[n - 1])
			wrong = "not longer than the one before";
		if (wrong != NULL) {
			problems_add(problems, at, "%s.retry[%u]: %s: \"%s\"",
				     config->amqp->path, n, wrong,
				     amqp->retry[n]);
			return;
		}
	}
	amqp->retry_ms = ms;
	amqp->n_retry = n;
}

static void endpoints_exchanges(struct config *config,
				struct problems *problems)
{
	const char *const *list = config->broker.exchanges;
	const struct node *node = node_get(config->amqp->node, "exchanges");

	for (unsigned i = 0; list[i] != NULL; i++)
		if (!utf8_is_id(list[i], strlen(list[i]), 255))
			problems_add(problems,
				     node != NULL ? node->items[i] :
						    config->amqp->key,
				     "%s.exchanges[%u]: must be a name of at "
				     "most 255 bytes", config->amqp->path, i);
}

static void endpoints_tls(const struct config *config, struct problems *problems)
{
	static const char *const keys[] = { "ca_file", "cert_file", "key_file",
					    "verify", NULL };
	const struct config_amqp *amqp = &config->broker;

	if ((amqp->cert_file != NULL) != (amqp->key_file != NULL))
		endpoints_add(problems, config->amqp,
			      amqp->cert_file != NULL ? "cert_file" : "key_file",
			      "cert_file and key_file belong together");
	for (size_t i = 0; keys[i] != NULL && !amqp->tls; i++)
		if (node_get(config->amqp->node, keys[i]) != NULL)
			endpoints_add(problems, config->amqp, keys[i],
				      "only with an amqps:// URL");
}

void endpoints_fill(struct config *config, struct problems *problems)
{
	struct config_amqp *amqp = &config->broker;
	struct gantry_error err = ERROR_INIT;

	if (config->amqp == NULL)
		return;
	if (amqp->url != NULL) {
		if (endpoints_parse(amqp->url, &config->arena, amqp, &err) < 0)
			problems_add(problems,
				     node_get(config->amqp->node, "url"),
				     "%s.url: %s: \"%s\"", config->amqp->path,
				     err.message, amqp->url);
		else
			endpoints_tls(config, problems);
	}
	if (amqp->heartbeat % 1000 != 0)
		endpoints_add(problems, config->amqp, "heartbeat",
			      "must be whole seconds");
	if (amqp->retry != NULL)
		endpoints_retry(config, problems);
	if (amqp->exchanges != NULL)
		endpoints_exchanges(config, problems);
}
