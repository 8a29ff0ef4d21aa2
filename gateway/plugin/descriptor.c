/* SPDX-License-Identifier: Apache-2.0 */
/* descriptor - see descriptor.h. */
#include "gateway/plugin/descriptor.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/sized.h"
#include "gateway/base/utf8.h"
#include "gateway/config/option.h"

#define DESCRIPTOR_MAX_OPTIONS 128
#define DESCRIPTOR_MAX_HANDLERS 128
#define DESCRIPTOR_MAX_INSTANCE (1u << 20)

/* The end of the last member of level 1: what every plugin has. */
#define DESCRIPTOR_END(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))

static int descriptor_no_check(const void *self, struct gantry_error *err)
{
	(void)self;
	(void)err;
	return 0;
}

static int descriptor_no_open(void *self,
			      const struct gantry_instance *instance,
			      struct gantry_error *err)
{
	(void)self;
	(void)instance;
	(void)err;
	return 0;
}

static void descriptor_no_close(void *self)
{
	(void)self;
}

/* min(size) of their struct into a zeroed one of ours; NULL if too short. */
static void *descriptor_take(const void *theirs, size_t least, size_t full,
			     struct arena *arena)
{
	size_t size;
	void *ours;

	memcpy(&size, theirs, sizeof(size));
	if (size < least)
		return NULL;
	ours = arena_zero(arena, full);
	sized_take(ours, full, theirs);
	return ours;
}

static size_t descriptor_count(const void *const *list, size_t max)
{
	size_t n = 0;

	while (list != NULL && n <= max && list[n] != NULL)
		n++;
	return n;
}

static int descriptor_take_options(struct gantry_plugin *p, struct arena *arena,
				   struct gantry_error *err)
{
	size_t n = descriptor_count((const void *const *)p->options,
				    DESCRIPTOR_MAX_OPTIONS);
	const struct gantry_option **ours;

	if (n > DESCRIPTOR_MAX_OPTIONS)
		return gantry_fail(err, "has more than %d options, or no NULL "
					"behind them", DESCRIPTOR_MAX_OPTIONS);
	ours = arena_zero(arena, (n + 1) * sizeof(*ours));
	for (size_t i = 0; i < n; i++) {
		ours[i] = descriptor_take(
			p->options[i],
			DESCRIPTOR_END(struct gantry_option, choices),
			sizeof(struct gantry_option), arena);
		if (ours[i] == NULL)
			return gantry_fail(err, "option %zu has a wrong size",
					   i + 1);
	}
	p->options = ours;
	return option_table_check(ours, p->instance_size, err);
}

static bool descriptor_is_name(const char *name)
{
	size_t len;

	if (name == NULL || *name < 'a' || *name > 'z')
		return false;
	len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	return name[len] == '\0' && len <= 64;
}

static bool descriptor_is_space(const char *space)
{
	return space != NULL && utf8_is_id(space, strlen(space), GANTRY_MAX_ID);
}

static int descriptor_check_handler(const struct gantry_handler *const *list,
				    size_t i, struct gantry_error *err)
{
	const struct gantry_handler *h = list[i];

	if (!descriptor_is_name(h->name))
		return gantry_fail(err, "handler %zu has no name of a-z, 0-9, "
					"_ and -", i + 1);
	if (h->handle == NULL)
		return gantry_fail(err, "handler \"%s\" has no function",
				   h->name);
	for (size_t j = 0; j < i; j++)
		if (strcmp(list[j]->name, h->name) == 0)
			return gantry_fail(err, "handler \"%s\" is there twice",
					   h->name);
	return 0;
}

static int descriptor_take_handlers(struct gantry_plugin *p,
				    struct arena *arena,
				    struct gantry_error *err)
{
	size_t n = descriptor_count((const void *const *)p->handlers,
				    DESCRIPTOR_MAX_HANDLERS);
	const struct gantry_handler **ours;

	if (p->handlers == NULL)
		return 0;
	if (n == 0 || n > DESCRIPTOR_MAX_HANDLERS)
		return gantry_fail(err, "must have 1 to %d handlers",
				   DESCRIPTOR_MAX_HANDLERS);
	ours = arena_zero(arena, (n + 1) * sizeof(*ours));
	for (size_t i = 0; i < n; i++) {
		ours[i] = descriptor_take(
			p->handlers[i],
			DESCRIPTOR_END(struct gantry_handler, settle),
			sizeof(struct gantry_handler), arena);
		if (ours[i] == NULL)
			return gantry_fail(err, "handler %zu has a wrong size",
					   i + 1);
		if (descriptor_check_handler(ours, i, err) < 0)
			return -1;
	}
	p->handlers = ours;
	return 0;
}

static int descriptor_check_backlog(const struct gantry_backlog *const *list,
				    size_t i, struct gantry_error *err)
{
	const struct gantry_backlog *b = list[i];

	if (!descriptor_is_name(b->name))
		return gantry_fail(err, "backlog %zu has no name of a-z, 0-9, "
					"_ and -", i + 1);
	if (b->summary == NULL || !descriptor_is_space(b->counts) ||
	    !descriptor_is_space(b->waiting))
		return gantry_fail(err, "backlog \"%s\" must have summary, counts "
					"and waiting; the latter are spaces of "
					"records", b->name);
	for (size_t j = 0; j < i; j++)
		if (strcmp(list[j]->name, b->name) == 0)
			return gantry_fail(err, "backlog \"%s\" is there twice",
					   b->name);
	return 0;
}

static int descriptor_take_backlogs(struct gantry_plugin *p, struct arena *arena,
				    struct gantry_error *err)
{
	size_t n = descriptor_count((const void *const *)p->backlogs,
				    GANTRY_MAX_BACKLOGS);
	const struct gantry_backlog **ours;

	if (n > 0 && p->handlers == NULL)
		return gantry_fail(err, "has backlogs and no handlers");
	if (n > GANTRY_MAX_BACKLOGS)
		return gantry_fail(err, "has more than %d backlogs, or no NULL "
					"behind them", GANTRY_MAX_BACKLOGS);
	ours = arena_zero(arena, (n + 1) * sizeof(*ours));
	for (size_t i = 0; i < n; i++) {
		ours[i] = descriptor_take(
			p->backlogs[i],
			DESCRIPTOR_END(struct gantry_backlog, waiting),
			sizeof(struct gantry_backlog), arena);
		if (ours[i] == NULL)
			return gantry_fail(err, "backlog %zu has a wrong size",
					   i + 1);
		if (descriptor_check_backlog(ours, i, err) < 0)
			return -1;
	}
	p->backlogs = ours;
	return 0;
}

static int descriptor_take_storage(struct gantry_plugin *p, struct arena *arena,
				   struct gantry_error *err)
{
	const struct gantry_storage *s;

	if (p->storage == NULL)
		return 0;
	s = descriptor_take(p->storage,
			    DESCRIPTOR_END(struct gantry_storage, backup),
			    sizeof(*s), arena);
	if (s == NULL)
		return gantry_fail(err, "its storage has a wrong size");
	if (s->prepare == NULL || s->lanes == NULL || s->read == NULL ||
	    s->scan == NULL || s->begin == NULL || s->load == NULL ||
	    s->store == NULL || s->commit == NULL || s->rollback == NULL)
		return gantry_fail(err, "its storage must have prepare, lanes, "
					"read, scan, begin, load, store, "
					"commit and rollback");
	p->storage = s;
	return 0;
}

static int descriptor_take_auth(struct gantry_plugin *p, struct arena *arena,
				struct gantry_error *err)
{
	const struct gantry_auth *a;

	if (p->auth == NULL)
		return 0;
	a = descriptor_take(p->auth,
			    DESCRIPTOR_END(struct gantry_auth, authenticate),
			    sizeof(*a), arena);
	if (a == NULL)
		return gantry_fail(err, "its auth has a wrong size");
	if (a->authenticate == NULL)
		return gantry_fail(err, "its auth must have authenticate");
	p->auth = a;
	return 0;
}

static int descriptor_take_breaker(struct gantry_plugin *p, struct arena *arena,
				   struct gantry_error *err)
{
	const struct gantry_breaker *b;

	if (p->breaker == NULL)
		return 0;
	b = descriptor_take(p->breaker,
			    DESCRIPTOR_END(struct gantry_breaker, status),
			    sizeof(*b), arena);
	if (b == NULL)
		return gantry_fail(err, "its breaker has a wrong size");
	if (b->permit == NULL || b->result == NULL || b->order == NULL ||
	    b->status == NULL)
		return gantry_fail(err, "its breaker must have permit, result, "
					"order and status");
	p->breaker = b;
	return 0;
}

const char *descriptor_kind(const struct gantry_plugin *plugin)
{
	if (plugin->storage != NULL)
		return "storage";
	if (plugin->handlers != NULL)
		return "handlers";
	if (plugin->auth != NULL)
		return "auth";
	assert(plugin->breaker != NULL);
	return "breaker";
}

static int descriptor_check_kind(const struct gantry_plugin *p,
				 struct gantry_error *err)
{
	int kinds = (p->storage != NULL) + (p->handlers != NULL) +
		    (p->auth != NULL) + (p->breaker != NULL);

	if (kinds == 1)
		return 0;
	return gantry_fail(err, "is %s storage, handlers, auth and breaker; a "
				"plugin is exactly one of them",
			   kinds == 0 ? "none of" : "more than one of");
}

static int descriptor_check_texts(const struct gantry_plugin *p,
				  const char *name, struct gantry_error *err)
{
	if (!descriptor_is_name(p->name))
		return gantry_fail(err, "has no name of a-z, 0-9, _ and -");
	if (strcmp(p->name, name) != 0)
		return gantry_fail(err, "calls itself \"%s\"; name the file "
					"%s.so", p->name, p->name);
	if (p->version == NULL || p->summary == NULL)
		return gantry_fail(err, "has no version or no summary");
	if ((unsigned)p->threads > GANTRY_INLINE)
		return gantry_fail(err, "has thread model %d, which does not "
					"exist", (int)p->threads);
	if (p->instance_size > DESCRIPTOR_MAX_INSTANCE)
		return gantry_fail(err, "wants %zu bytes for an instance, at "
					"most %u", p->instance_size,
				   DESCRIPTOR_MAX_INSTANCE);
	return 0;
}

/* Size, major and level first: the rest need not be there at all. */
static int descriptor_check_numbers(const struct gantry_plugin *theirs,
				    struct gantry_error *err)
{
	size_t least = DESCRIPTOR_END(struct gantry_plugin, breaker);

	if (theirs == NULL)
		return gantry_fail(err, "gantry_plugin_entry() returned NULL");
	if (theirs->size < least)
		return gantry_fail(err, "its descriptor has %zu bytes, at "
					"least %zu are needed", theirs->size,
				   least);
	if (theirs->major != GANTRY_MAJOR || theirs->level > GANTRY_LEVEL)
		return gantry_fail(err, "its descriptor says plugin interface "
					"%u level %u, this gateway has %d "
					"level %d", theirs->major,
				   theirs->level, GANTRY_MAJOR, GANTRY_LEVEL);
	return 0;
}

struct gantry_plugin *descriptor_copy(const struct gantry_plugin *theirs,
				      const char *name, struct arena *arena,
				      struct gantry_error *err)
{
	struct gantry_plugin *p;

	if (descriptor_check_numbers(theirs, err) < 0)
		return NULL;
	p = descriptor_take(theirs, 0, sizeof(*p), arena);
	if (descriptor_check_kind(p, err) < 0 ||
	    descriptor_check_texts(p, name, err) < 0 ||
	    descriptor_take_options(p, arena, err) < 0 ||
	    descriptor_take_handlers(p, arena, err) < 0 ||
	    descriptor_take_backlogs(p, arena, err) < 0 ||
	    descriptor_take_storage(p, arena, err) < 0 ||
	    descriptor_take_auth(p, arena, err) < 0 ||
	    descriptor_take_breaker(p, arena, err) < 0)
		return NULL;
	if (p->check == NULL)
		p->check = descriptor_no_check;
	if (p->open == NULL)
		p->open = descriptor_no_open;
	if (p->close == NULL)
		p->close = descriptor_no_close;
	return p;
}
