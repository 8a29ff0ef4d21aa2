/* SPDX-License-Identifier: Apache-2.0 */
/* sections - see sections.h. */
#include "gateway/config/sections.h"

#include <stddef.h>
#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/config/endpoints.h"
#include "gateway/config/nearest.h"
#include "gateway/config/option.h"
#include "gateway/config/traces.h"
#include "gateway/config/upstreams.h"

static const struct gantry_option *const section_http[] = {
	GANTRY_TEXT(struct config_http, listen, .fallback = "127.0.0.1:8080",
		    .summary = "address and port of the API"),
	GANTRY_PATH(struct config_http, cert_file,
		    .summary = "certificate, with those that signed it; turns "
			       "TLS on"),
	GANTRY_SECRET_FILE(struct config_http, key_file,
			   .summary = "file with the key of cert_file"),
	GANTRY_PATH(struct config_http, client_ca_file,
		    .summary = "CAs by which clients must have a certificate"),
	GANTRY_INTEGER(struct config_http, threads, .fallback = "1", .min = 1,
		       .max = 64, .summary = "threads that serve sockets"),
	GANTRY_INTEGER(struct config_http, max_connections, .fallback = "1024",
		       .min = 1, .max = 65536,
		       .summary = "connections at once; more are refused"),
	GANTRY_SIZE(struct config_http, max_body, .fallback = "1M", .min = 1024,
		    .max = 64 << 20, .summary = "largest body of a request"),
	GANTRY_SIZE(struct config_http, max_head, .fallback = "16K",
		    .min = 1024, .max = 1 << 20,
		    .summary = "largest request line with headers"),
	GANTRY_DURATION(struct config_http, head_timeout, .fallback = "10s",
			.min = 100, .max = 3600000,
			.summary = "until the headers must be there"),
	GANTRY_DURATION(struct config_http, body_timeout, .fallback = "30s",
			.min = 100, .max = 3600000,
			.summary = "until the body must be there"),
	GANTRY_DURATION(struct config_http, idle_timeout, .fallback = "60s",
			.min = 100, .max = 3600000,
			.summary = "how long a connection may wait for the "
				   "next request"),
	NULL
};

static const struct gantry_option *const section_admin[] = {
	GANTRY_TEXT(struct config_admin, listen, .fallback = "127.0.0.1:9080",
		    .summary = "address and port of metrics and admin page"),
	GANTRY_PATH(struct config_admin, cert_file,
		    .summary = "certificate, with those that signed it; turns "
			       "TLS on"),
	GANTRY_SECRET_FILE(struct config_admin, key_file,
			   .summary = "file with the key of cert_file"),
	GANTRY_PATH(struct config_admin, client_ca_file,
		    .summary = "CAs by which clients must have a certificate"),
	GANTRY_PATH(struct config_admin, socket,
		    .fallback = "/run/gantry/admin.sock",
		    .summary = "socket of the command line"),
	GANTRY_LIST(struct config_admin, hosts, .min = 0, .max = 16,
		    .summary = "names by which browsers call the admin page, "
			       "beside localhost and the address"),
	NULL
};

static const struct gantry_option *const section_commit[] = {
	GANTRY_INTEGER(struct config_commit, max_batch, .fallback = "128",
		       .min = 1, .max = 128,
		       .summary = "messages that one transaction takes"),
	GANTRY_INTEGER(struct config_commit, queue, .fallback = "4096",
		       .min = 1, .max = 1 << 20,
		       .summary = "messages that may wait to be committed"),
	GANTRY_INTEGER(struct config_commit, outbox_max_rows,
		       .fallback = "1000000", .min = 1, .max = 1000000000,
		       .summary = "events that may wait in the outbox"),
	GANTRY_DURATION(struct config_commit, outbox_max_age, .fallback = "7d",
			.min = 1000, .max = INT64_C(10) * 365 * 86400 * 1000,
			.summary = "how long an event may wait in the outbox"),
	NULL
};

static const struct gantry_option *const section_engine[] = {
	GANTRY_INTEGER(struct config_engine, workers, .fallback = "4", .min = 1,
		       .max = 256,
		       .summary = "threads for handlers that may wait"),
	GANTRY_INTEGER(struct config_engine, readers, .fallback = "2", .min = 1,
		       .max = 64, .summary = "threads that read from storage"),
	GANTRY_INTEGER(struct config_engine, queue, .fallback = "4096",
		       .min = 1, .max = 1 << 20,
		       .summary = "messages that may wait for a thread"),
	NULL
};

static const char *const section_levels[] = { "debug", "info", "warning",
					      "error", NULL };
static const char *const section_forms[] = { "auto", "text", "json", NULL };

static const struct gantry_option *const section_log[] = {
	GANTRY_CHOICE(struct config_log, level, .fallback = "info",
		      .choices = section_levels,
		      .summary = "the least that is logged"),
	GANTRY_CHOICE(struct config_log, form, .fallback = "auto",
		      .choices = section_forms,
		      .summary = "auto: text on a terminal, else JSON"),
	GANTRY_INTEGER(struct config_log, sample, .fallback = "100", .min = 0,
		       .max = 100,
		       .summary = "of 100 messages, those whose lines below warning are written"),
	NULL
};

static const char *const section_verify[] = { "full", "ca", "none", NULL };

static const struct gantry_option *const section_amqp[] = {
	GANTRY_TEXT(struct config_amqp, url, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "amqp:// or amqps:// with host, port and "
			       "virtual host"),
	GANTRY_TEXT(struct config_amqp, user, .fallback = "guest",
		    .summary = "who logs in"),
	GANTRY_SECRET_FILE(struct config_amqp, password_file,
			   .summary = "file with the password"),
	GANTRY_PATH(struct config_amqp, ca_file,
		    .summary = "CAs that sign the broker's certificate; those "
			       "of the system if not said"),
	GANTRY_PATH(struct config_amqp, cert_file,
		    .summary = "certificate that the broker asks of us"),
	GANTRY_SECRET_FILE(struct config_amqp, key_file,
			   .summary = "file with the key of cert_file"),
	GANTRY_CHOICE(struct config_amqp, verify, .fallback = "full",
		      .choices = section_verify,
		      .summary = "full: certificate and host name; ca: the "
				 "certificate only; none: neither"),
	GANTRY_DURATION(struct config_amqp, heartbeat, .fallback = "10s",
			.min = 1000, .max = 600000,
			.summary = "a silent broker is given up after two"),
	GANTRY_DURATION(struct config_amqp, connect_timeout, .fallback = "5s",
			.min = 100, .max = 60000,
			.summary = "for connecting to one host, and for "
				   "logging in there"),
	GANTRY_INTEGER(struct config_amqp, prefetch, .fallback = "512",
		       .min = 1, .max = 65535,
		       .summary = "events held that are not acknowledged yet"),
	GANTRY_INTEGER(struct config_amqp, window, .fallback = "256", .min = 1,
		       .max = 4096,
		       .summary = "events sent that are not confirmed yet"),
	GANTRY_LIST(struct config_amqp, retry, .fallback = "1s, 10s, 60s, 5m",
		    .min = 1, .max = ENDPOINTS_MAX_RETRY,
		    .summary = "pauses before an event is tried again"),
	GANTRY_INTEGER(struct config_amqp, delivery_limit, .fallback = "50",
		       .min = 1, .max = 1000000,
		       .summary = "deliveries after which the broker gives an "
				  "event up"),
	GANTRY_SIZE(struct config_amqp, max_body, .fallback = "1M",
		    .min = 1024, .max = 64 << 20,
		    .summary = "largest event; a larger one is a dead letter"),
	GANTRY_BOOLEAN(struct config_amqp, declare_exchanges,
		       .fallback = "true",
		       .summary = "exchanges that events come from are "
				  "declared if they are not there"),
	GANTRY_LIST(struct config_amqp, exchanges,
		    .fallback = "inventory.events, inventory.notifications",
		    .min = 0, .max = 64,
		    .summary = "exchanges that events go to"),
	NULL
};

#define SECTION_AT(member) offsetof(struct config, member)

const struct section section_list[] = {
	{ "use", SECTION_USE, NULL, 0 },
	{ "service", SECTION_TEXT, NULL, SECTION_AT(service) },
	{ "replica", SECTION_TEXT, NULL, SECTION_AT(replica) },
	{ "http", SECTION_WHOLE, section_http, SECTION_AT(http) },
	{ "admin", SECTION_WHOLE, section_admin, SECTION_AT(admin) },
	{ "commit", SECTION_WHOLE, section_commit, SECTION_AT(commit) },
	{ "engine", SECTION_WHOLE, section_engine, SECTION_AT(engine) },
	{ "log", SECTION_WHOLE, section_log, SECTION_AT(log) },
	{ "amqp", SECTION_WHOLE, section_amqp, SECTION_AT(broker) },
	{ "traces", SECTION_WHOLE, traces_options, SECTION_AT(traces) },
	{ "storage", SECTION_WHOLE, NULL, 0 },
	{ "auth", SECTION_NAMED, NULL, SECTION_AT(auth) },
	{ "breakers", SECTION_NAMED, NULL, SECTION_AT(breakers) },
	{ "handlers", SECTION_NAMED, NULL, SECTION_AT(handlers) },
	{ "upstreams", SECTION_NAMED, upstreams_options,
	  SECTION_AT(upstreams) },
	{ "routes", SECTION_ROUTES, NULL, 0 },
	{ NULL, SECTION_TEXT, NULL, 0 },
};

const struct section *section_find(const char *name)
{
	const struct section *s = section_list;

	while (s->name != NULL && strcmp(s->name, name) != 0)
		s++;
	return s->name != NULL ? s : NULL;
}

bool section_is_name(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return text[len] == '\0' && len >= 1 && len <= 64 &&
	       strchr("0123456789-_", *text) == NULL;
}

static bool section_is_listen(const char *text)
{
	const char *colon = strrchr(text, ':');
	int64_t port;

	if (colon == NULL || colon == text ||
	    !parse_integer(colon + 1, &port) || port < 0 || port > 65535)
		return false;
	if (*text == '[')
		return colon[-1] == ']' && colon - text > 2;
	return memchr(text, ':', (size_t)(colon - text)) == NULL;
}

static void section_check_listen(const struct config_entry *entry,
				 const char *listen, struct problems *problems)
{
	const struct node *at;

	if (entry == NULL || listen == NULL || section_is_listen(listen))
		return;
	at = node_get(entry->node, "listen");
	problems_add(problems, at,
		     "%s.listen: not an address with a port (127.0.0.1:8080, "
		     "[::1]:8080): \"%s\"", entry->path, listen);
}

/* By what is written: a file that is refused is said to be so, and no more. */
static void section_check_tls(const struct config_entry *entry,
			      struct problems *problems)
{
	const struct node *cert, *key, *ca;

	if (entry == NULL || entry->node->kind != NODE_MAP)
		return;
	cert = node_get(entry->node, "cert_file");
	key = node_get(entry->node, "key_file");
	ca = node_get(entry->node, "client_ca_file");
	if ((cert != NULL) != (key != NULL))
		problems_add(problems, cert != NULL ? cert : key,
			     "%s.%s: cert_file and key_file belong together",
			     entry->path, cert != NULL ? "cert_file" : "key_file");
	else if (ca != NULL && cert == NULL)
		problems_add(problems, ca, "%s.client_ca_file: there is no TLS "
			     "without cert_file and key_file", entry->path);
}

static void section_fill_text(struct config *config, const struct section *s,
			      const struct config_entry *entry,
			      struct problems *problems)
{
	const struct node *node = entry->node;

	if (node->kind != NODE_TEXT || !section_is_name(node->text)) {
		problems_add(problems, node,
			     "%s: must be a name of letters, digits, - and _ "
			     "that begins with a letter", s->name);
		return;
	}
	*(const char **)((char *)config + s->offset) = node->text;
}

static void section_fill_one(struct config *config, const struct section *s,
			     const struct node *main_file,
			     struct problems *problems)
{
	struct config_entry *entry = config_find(&config->sections, s->name);
	struct option_job job = { s->options, s->name, NULL,
				  &config->arena, problems, false };

	if (s->shape == SECTION_TEXT && entry != NULL)
		section_fill_text(config, s, entry, problems);
	if (s->shape != SECTION_WHOLE || s->options == NULL)
		return;
	/* these are absent unless they are named */
	if (entry == NULL && (s->options == section_amqp || s->options == traces_options))
		return;
	option_fill(&job, entry != NULL ? entry->node : main_file,
		    (char *)config + s->offset);
}

/* Defaults stand nowhere: an empty mapping at the head of the main file. */
static struct node section_nothing(const struct node *main_file)
{
	return (struct node){ .kind = NODE_MAP, .file = main_file->file,
			      .line = 1, .column = 1 };
}

/* "plugin" is looked at by whoever loads it; that it is there shows here. */
static void section_check_plugin(const struct config_entry *entry,
				 struct problems *problems)
{
	const struct node *plugin;

	if (entry->node->kind != NODE_MAP) {
		problems_add(problems, entry->node,
			     "%s: must be a mapping, not %s", entry->path,
			     node_kind_name(entry->node));
		return;
	}
	plugin = node_get(entry->node, "plugin");
	if (plugin == NULL)
		problems_add(problems, entry->key, "%s.plugin: missing",
			     entry->path);
	else if (plugin->kind != NODE_TEXT || *plugin->text == '\0')
		problems_add(problems, plugin,
			     "%s.plugin: must be a plugin's name or the path "
			     "of its file", entry->path);
}

static void section_check_plugins(const struct config_list *list,
				  struct problems *problems)
{
	for (unsigned i = 0; i < list->n; i++)
		section_check_plugin(list->items[i], problems);
}

void section_fill(struct config *config, const struct node *main_file,
		  struct problems *problems)
{
	struct node nothing = section_nothing(main_file);

	config->service = "gantry";
	config->storage = config_find(&config->sections, "storage");
	config->amqp = config_find(&config->sections, "amqp");
	for (const struct section *s = section_list; s->name != NULL; s++)
		section_fill_one(config, s, &nothing, problems);
	section_check_listen(config_find(&config->sections, "http"),
			     config->http.listen, problems);
	section_check_listen(config_find(&config->sections, "admin"),
			     config->admin.listen, problems);
	section_check_tls(config_find(&config->sections, "http"), problems);
	section_check_tls(config_find(&config->sections, "admin"), problems);
	endpoints_fill(config, problems);
	traces_fill(config, problems);
	upstreams_fill(config, problems);
	if (config->storage == NULL)
		problems_add_at(problems, main_file->file, NULL,
				"storage: missing");
	else
		section_check_plugin(config->storage, problems);
	section_check_plugins(&config->auth, problems);
	section_check_plugins(&config->breakers, problems);
	section_check_plugins(&config->handlers, problems);
}
