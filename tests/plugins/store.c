/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - see store.h.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "tests/plugins/store.h"

const struct gantry_plugin *store_plugin(const char *name)
{
	AUTO_FREE char *path = memory_format(PLUGINS "/%s/.libs/%s.so", name, name);
	void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct gantry_plugin *(*entry)(void);

	if (so == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		abort();
	}
	*(void **)&entry = dlsym(so, "gantry_plugin_entry");
	return entry();
}

static int64_t instance_choice(const struct gantry_option *o, const char *text)
{
	for (int64_t i = 0; o->choices[i] != NULL; i++)
		if (strcmp(o->choices[i], text) == 0)
			return i;
	abort();
}

/* Numbers with the units ms and s, which is all that the tests say. */
static int64_t instance_number(const char *text)
{
	char *end;
	int64_t n = strtoll(text, &end, 10);

	return strcmp(end, "s") == 0 ? n * 1000 : n;
}

static void instance_set(void *self, const struct gantry_option *o, const char *text)
{
	void *member = (char *)self + o->offset;

	switch (o->type) {
	case GANTRY_TYPE_TEXT:
	case GANTRY_TYPE_PATH:
		*(const char **)member = text;
		break;
	case GANTRY_TYPE_INTEGER:
	case GANTRY_TYPE_SIZE:
	case GANTRY_TYPE_DURATION:
		*(int64_t *)member = instance_number(text);
		break;
	case GANTRY_TYPE_CHOICE:
		*(int64_t *)member = instance_choice(o, text);
		break;
	default:
		abort();
	}
}

static const char *instance_value(const struct store *store,
				  const struct gantry_option *o)
{
	size_t len = strlen(o->name);

	for (size_t i = 0; store->options != NULL && store->options[i] != NULL; i++)
		if (strncmp(store->options[i], o->name, len) == 0 &&
		    store->options[i][len] == '=')
			return store->options[i] + len + 1;
	return o->fallback;
}

int store_open(void *context, void **self_out, struct gantry_error *err)
{
	const struct store *store = context;
	const struct gantry_plugin *p = store->plugin;
	void *self = memory_new(p->instance_size);

	for (size_t i = 0; p->options != NULL && p->options[i] != NULL; i++) {
		const char *value = instance_value(store, p->options[i]);

		if (value != NULL)
			instance_set(self, p->options[i], value);
	}
	if (p->open != NULL && p->open(self, NULL, err) < 0) {
		free(self);
		return -1;
	}
	*self_out = self;
	return 0;
}

void store_close(void *context, void *self)
{
	const struct store *store = context;

	if (store->plugin->close != NULL)
		store->plugin->close(self);
	free(self);
}
