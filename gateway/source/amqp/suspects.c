/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspects - see suspects.h. The record is put by a handler of the core's own,
 * on a route that no configuration has: so it goes through the same units as
 * everything else.
 */
#include "gateway/source/amqp/suspects.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"

#define SUSPECTS_SPACE "alone"
#define SUSPECTS_GIVEN_UP 410

struct suspects {
	struct engine *engine;
	char *service;
	struct graph graph;		/* our own: it is never another */
	const struct message_home *home;
	struct gantry_plugin plugin;
	struct gantry_instance instance;
	struct route_step note_step, forget_step;
	struct route note, forget;
	struct gantry_message m;	/* the note, one at a time */
	bool noting;
	_Atomic unsigned forgetting;	/* messages at the engine */
	int wake_fd;
};

int64_t suspects_next(int64_t alone)
{
	return alone < 0 ? 1 : alone < SUSPECTS_ALONE ? alone + 1 : 0;
}

static enum gantry_verdict suspects_handle_note(void *self, struct gantry_message *m,
						struct gantry_error *err)
{
	const char *key = gantry_param(m, "key");
	const json_t *record = gantry_record_get(m, SUSPECTS_SPACE, key, err);
	int64_t next = suspects_next(json_integer_value(record));
	json_t *put;
	int done;

	(void)self;
	if (record == NULL && err->message[0] != '\0')
		return GANTRY_FAILED;
	if (next == 0)
		return gantry_reply_text(m, SUSPECTS_GIVEN_UP, "{}", 2, err) < 0 ?
			GANTRY_FAILED : GANTRY_DONE;
	put = json_integer(next);
	done = gantry_record_put(m, SUSPECTS_SPACE, key, put, err);
	json_decref(put);
	return done < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict suspects_handle_forget(void *self, struct gantry_message *m,
						  struct gantry_error *err)
{
	const char *key = gantry_param(m, "key");

	(void)self;
	return gantry_record_put(m, SUSPECTS_SPACE, key, NULL, err) < 0 ?
		GANTRY_FAILED : GANTRY_DONE;
}

static const struct gantry_handler suspects_note_handler = {
	.size = sizeof(struct gantry_handler), .name = "note",
	.summary = "a suspect goes alone", .handle = suspects_handle_note,
};
static const struct gantry_handler suspects_forget_handler = {
	.size = sizeof(struct gantry_handler), .name = "forget",
	.summary = "a suspect was answered", .handle = suspects_handle_forget,
};

static struct route suspects_route(const char *address, struct route_step *step)
{
	return (struct route){ .source = GANTRY_SOURCE_SCHEDULE, .address = address,
			       .steps = step, .n_steps = 1 };
}

struct suspects *suspects_new(struct engine *engine, const struct graph *graph,
			      const struct message_home *home, int wake_fd)
{
	struct suspects *s = memory_new(sizeof(*s));

	s->engine = engine;
	s->wake_fd = wake_fd;
	s->service = memory_text(graph->service);
	s->graph = (struct graph){ .service = s->service };
	s->home = home;
	s->plugin = (struct gantry_plugin){ .size = sizeof(s->plugin),
					    .name = "suspects",
					    .threads = GANTRY_INLINE };
	s->instance = (struct gantry_instance){ .name = "suspects",
						.service = s->service,
						.plugin = &s->plugin };
	s->note_step = (struct route_step){ &s->instance, &suspects_note_handler };
	s->forget_step = (struct route_step){ &s->instance, &suspects_forget_handler };
	s->note = suspects_route("suspects note", &s->note_step);
	s->forget = suspects_route("suspects forget", &s->forget_step);
	return s;
}

void suspects_free(struct suspects **suspects)
{
	struct suspects *s = *suspects;

	if (s == NULL)
		return;
	message_fini(&s->m);
	free(s->service);
	free(s);
	*suspects = NULL;
}

static void suspects_fill(struct suspects *s, struct gantry_message *m,
			  const struct route *route, const char *key)
{
	struct message_pair *pair = arena_alloc(&m->arena, sizeof(*pair));

	*pair = (struct message_pair){ "key", arena_text(&m->arena, key) };
	m->route = route;
	m->graph = &s->graph;
	m->params = pair;
	m->n_params = 1;
	m->received_ms = clock_now_ms();
}

void suspects_note(struct suspects *s, const char *key, void *home_data)
{
	assert(!s->noting);
	s->noting = true;
	message_init(&s->m, GANTRY_SOURCE_SCHEDULE, s->home);
	s->m.home_data = home_data;
	suspects_fill(s, &s->m, &s->note, key);
	engine_submit(s->engine, &s->m);
}

bool suspects_is_given_up(const struct gantry_message *m)
{
	return m->answer.verdict == GANTRY_DONE && m->answer.status == SUSPECTS_GIVEN_UP;
}

void suspects_noted(struct suspects *s)
{
	assert(s->noting);
	s->noting = false;
	message_clear(&s->m);
}

/* One that is not forgotten for a failure counts from where it was: at worst
   it is given up sooner, should it ever be a suspect again. */
static void suspects_forgotten(struct gantry_message *m)
{
	struct suspects *s = m->home_data;
	const uint64_t one = 1;
	int wake_fd = s->wake_fd;

	message_fini(m);
	free(m);
	/* full is readable as well */
	if (atomic_fetch_sub(&s->forgetting, 1) == 1 &&
	    write(wake_fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

static const struct message_home suspects_forget_home = { suspects_forgotten };

void suspects_forget(struct suspects *s, const char *key)
{
	struct gantry_message *m = memory_new(sizeof(*m));

	atomic_fetch_add(&s->forgetting, 1);
	message_init(m, GANTRY_SOURCE_SCHEDULE, &suspects_forget_home);
	m->home_data = s;
	suspects_fill(s, m, &s->forget, key);
	engine_submit(s->engine, m);
}

bool suspects_are_forgotten(const struct suspects *s)
{
	return atomic_load(&((struct suspects *)s)->forgetting) == 0;
}
