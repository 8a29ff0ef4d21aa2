/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - what all files together say, checked as far as that can be done
 * without loading a plugin.
 *
 * Made by config_load() on the main thread, never changed afterwards; any
 * thread may read it until config_free().
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <gantry/message.h>

#include "gateway/base/arena.h"
#include "gateway/config/node.h"
#include "gateway/config/problems.h"

/* Sections that the core reads itself: every member is a key of that name. */
struct config_http {
	const char *listen;		/* "127.0.0.1:8080", "[::1]:8080" */
	const char *cert_file, *key_file;	/* both or none: no TLS */
	const char *client_ca_file;	/* or NULL */
	int64_t threads;		/* loops */
	int64_t max_connections;
	int64_t max_body, max_head;	/* bytes */
	int64_t head_timeout, body_timeout, idle_timeout;	/* ms */
};

struct config_admin {
	const char *listen;
	const char *cert_file, *key_file, *client_ca_file;	/* as above */
	const char *socket;		/* path */
	const char *const *hosts;	/* names of ours for browsers; or NULL */
};

struct config_commit {
	int64_t max_batch;		/* messages in a unit */
	int64_t queue;			/* messages that may wait */
	int64_t outbox_max_rows;	/* events that may wait for the broker */
	int64_t outbox_max_age;		/* ms */
};

struct config_engine {
	int64_t workers, readers;	/* threads */
	int64_t queue;			/* messages that may wait */
};

struct config_log {
	int64_t level;			/* enum gantry_level */
	int64_t form;			/* enum log_form */
	int64_t sample;			/* percent of messages */
};

enum config_verify { CONFIG_VERIFY_FULL, CONFIG_VERIFY_CA, CONFIG_VERIFY_NONE };

/* One broker of a cluster. */
struct config_endpoint {
	const char *host;
	int port;
	const char *text;		/* "h1:5672", for messages */
};

struct config_amqp {
	const char *url;
	const char *user;
	const char *password_file;
	const char *ca_file;		/* NULL: those of the system */
	const char *cert_file, *key_file;	/* both or none */
	int64_t verify;			/* enum config_verify */
	int64_t heartbeat, connect_timeout;	/* ms */
	int64_t prefetch;		/* deliveries held unacked */
	int64_t window;			/* publishes not yet confirmed */
	const char *const *retry;	/* as it was written; NULL: default */
	int64_t delivery_limit;
	int64_t max_body;		/* bytes */
	bool declare_exchanges;		/* those of bindings */
	const char *const *exchanges;	/* that we publish to */
	/* what url and retry say */
	bool tls;
	const char *vhost;
	const struct config_endpoint *endpoints;
	unsigned n_endpoints;
	const int64_t *retry_ms;
	unsigned n_retry;
};

struct config_traces {
	const char *endpoint;		/* "http://127.0.0.1:4318" */
	const char *ratio;		/* as it was written, and as a number: */
	double part;			/* 0 to 1 */
	const char *headers_file;	/* NULL: none */
	const char *ca_file;		/* NULL: those of the system */
	int64_t timeout, interval;	/* ms */
	int64_t batch, queue;		/* spans */
};

struct config_upstream {
	const char *name;
	const char *url;
	int64_t timeout, connect_timeout, deadline;	/* ms */
	int64_t retries;
	int64_t backoff, max_backoff;	/* ms */
	int64_t max_response;		/* bytes */
	int64_t pool, queue;		/* calls at once, and those that wait */
	const char *breaker;		/* NULL: none */
	const char *auth;		/* that signs our tokens; NULL: none */
	const char *audience, *kid;	/* NULL: not said */
	const char *const *roles;	/* NULL: not said */
	int64_t token_ttl;		/* ms */
	const char *ca_file;		/* NULL: those of the system */
	const char *cert_file, *key_file;	/* both or none */
	int64_t verify;			/* enum config_verify */
};

/* One entry that later files replace as a whole. */
struct config_entry {
	const char *section;		/* "handlers", "storage" */
	const char *name;		/* "allocate"; NULL outside of the named */
	const char *path;		/* "handlers.allocate", "storage" */
	const struct node *key, *node;
	const struct config_entry *replaced;	/* or NULL */
};

struct config_list {
	struct config_entry **items;
	unsigned n;
};

struct config_binding {
	const char *exchange, *key;
	const struct node *at;
};

struct config_route {
	struct config_entry entry;	/* name: the address, replaces by it */
	const char *path;		/* "routes[3]", for messages */
	enum gantry_source source;
	const char *address;		/* "POST /allocations", "every 10s" */
	const char *method, *template;	/* http */
	bool inject;			/* into the amqp routes (D25) */
	const char *queue;		/* amqp */
	struct config_binding *bindings;
	unsigned n_bindings;
	int64_t every_ms;		/* schedule */
	const char *action;		/* admin */
	bool looks;			/* admin: the right to view is enough */
	const struct node **auth;	/* names; none: open to all */
	unsigned n_auth;
	const char *const *roles;	/* NULL at the end */
	const struct node **pipeline;	/* "instance.handler" */
	unsigned n_pipeline;
};

struct config {
	struct arena arena;
	const char *path;		/* of the main file */
	const char *with;		/* of the one read last, or NULL */
	const struct node_file **files;	/* in the order of reading */
	unsigned n_files;
	const char *service;
	const char *replica;		/* NULL: not said */
	struct config_http http;
	struct config_admin admin;
	struct config_commit commit;
	struct config_engine engine;
	struct config_log log;
	const struct config_entry *storage;	/* NULL only with problems */
	const struct config_entry *amqp;	/* or NULL */
	struct config_amqp broker;		/* what amqp says */
	const struct config_entry *tracing;	/* or NULL: it is off */
	struct config_traces traces;		/* what traces says */
	struct config_list sections;	/* service, http, storage ... */
	struct config_list auth, breakers, handlers, upstreams;
	struct config_upstream *upstream;	/* what upstreams say, in their
						   order; upstreams.n of them */
	struct config_route **routes;
	unsigned n_routes;
};

/*
 * Read path, the presets that it uses (preset_dir/NAME.yaml) and conf.d/
 * beside it. Everything that is wrong is added to problems; look at
 * problems->n before you use the result. NULL only if the main file cannot be
 * read as YAML.
 */
struct config *config_load(const char *path, const char *preset_dir,
			   struct problems *problems);
/* The same, with one more file that is read last; NULL: none. */
struct config *config_load_with(const char *path, const char *with,
				const char *preset_dir, struct problems *problems);
void config_free(struct config **config);

/* The entry of a list by its name, or NULL. */
struct config_entry *config_find(const struct config_list *list,
				 const char *name);

#endif
