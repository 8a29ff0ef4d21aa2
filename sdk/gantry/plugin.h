/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin - the one header that a plugin includes, and its descriptor.
 *
 * A plugin exports one function, which GANTRY_PLUGIN() writes. Every struct
 * begins with its size and grows only at its end; lists are arrays of pointers
 * that end with NULL. Options and threads are declared, not coded.
 */
#ifndef GANTRY_PLUGIN_H
#define GANTRY_PLUGIN_H

#include <gantry/abi.h>
#include <gantry/ask.h>
#include <gantry/auth.h>
#include <gantry/backlog.h>
#include <gantry/breaker.h>
#include <gantry/describe.h>
#include <gantry/document.h>
#include <gantry/effect.h>
#include <gantry/error.h>
#include <gantry/handler.h>
#include <gantry/member.h>
#include <gantry/message.h>
#include <gantry/option.h>
#include <gantry/outcome.h>
#include <gantry/pass.h>
#include <gantry/storage.h>
#include <gantry/write.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the handlers of an instance may be called. Zero is the careful one. */
enum gantry_threads {
	GANTRY_SERIAL = 0,	/* one call at a time for each instance */
	GANTRY_PARALLEL = 1,	/* by several worker threads at once; may wait */
	GANTRY_INLINE = 2,	/* by several threads at once, also those that
				   serve sockets: never blocks */
};

/* What open() may ask about the instance; lives until close(). */
struct gantry_instance;

/* The name in the configuration, "allocate" in handlers: {allocate: ...}. */
const char *gantry_instance_name(const struct gantry_instance *instance);

/* The service's name in the configuration, "inventory-service". */
const char *gantry_instance_service(const struct gantry_instance *instance);

/*
 * open: called once for each instance with its options filled in; returns 0,
 * or -1 with err, and is then not closed. close: after the last call. Both on
 * the main thread, both optional; a reload opens the new one of a name before it
 * closes the old one. An instance is instance_size zeroed bytes.
 * check: what only this plugin can see in its options, without touching disk
 * or network; "gantry check" calls it; optional.
 * One of storage, handlers, auth and breaker says what the plugin is.
 */
struct gantry_plugin {
	size_t size;
	uint32_t major, level;
	const char *name;
	const char *version;
	const char *summary;
	enum gantry_threads threads;
	size_t instance_size;
	const struct gantry_option *const *options;
	int (*check)(const void *self, struct gantry_error *err);
	int (*open)(void *self, const struct gantry_instance *instance,
		    struct gantry_error *err);
	void (*close)(void *self);
	const struct gantry_storage *storage;
	const struct gantry_handler *const *handlers;
	const struct gantry_auth *auth;
	const struct gantry_breaker *breaker;
	/* schemas: what the descriptions of its handlers share
	   (gantry/describe.h), or NULL. Level 1. */
	const char *schemas;
	/* what waits in its records (gantry/backlog.h), or NULL. Level 1. */
	const struct gantry_backlog *const *backlogs;
};

/* What stands in the file before it is loaded: an ELF note "Gantry", type 1. */
struct gantry_note {
	uint32_t name_size, content_size, type;
	char name[8];
	uint32_t major, level;
};

GANTRY_EXPORT const struct gantry_plugin *gantry_plugin_entry(void);

#define GANTRY_PLUGIN(...)                                                  \
	static const struct gantry_note gantry_note GANTRY_NOTE = {         \
		7, 8, 1, "Gantry", GANTRY_MAJOR, GANTRY_LEVEL_WANTED        \
	};                                                                  \
	const struct gantry_plugin *gantry_plugin_entry(void)               \
	{                                                                   \
		static const struct gantry_plugin plugin = {                \
			.size = sizeof(struct gantry_plugin),               \
			.major = GANTRY_MAJOR,                              \
			.level = GANTRY_LEVEL_WANTED,                       \
			__VA_ARGS__                                         \
		};                                                          \
		return &plugin;                                             \
	}                                                                   \
	static const struct gantry_note gantry_note

#ifdef __cplusplus
}
#endif

#endif
