/* SPDX-License-Identifier: Apache-2.0 */
/* topology - see topology.h. */
#include "gateway/source/amqp/topology.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/source/amqp/declare.h"

/* The other side gets this long to declare its exchange itself. */
#define TOPOLOGY_WAIT_NS INT64_C(5000000000)
/* Nothing is to fall out of the dead queue. */
#define TOPOLOGY_DEAD_LIMIT 1000000

/* Exchanges and queues are there once, whoever names them. */
static struct topology_item *topology_find(struct topology *t,
					   enum topology_kind kind,
					   const char *name)
{
	for (unsigned i = 0; i < t->n_items; i++)
		if (t->items[i].kind == kind &&
		    strcmp(t->items[i].name, name) == 0)
			return &t->items[i];
	return NULL;
}

static struct topology_item *topology_add(struct topology *t,
					  enum topology_kind kind,
					  const char *name)
{
	struct topology_item *item;

	if (t->n_items == t->room) {
		t->room = t->room * 2 + 16;
		t->items = memory_grow(t->items, t->room, sizeof(*t->items));
	}
	item = &t->items[t->n_items++];
	*item = (struct topology_item){ .kind = kind, .queue = -1,
					.name = arena_text(&t->arena, name) };
	return item;
}

static void topology_add_exchange(struct topology *t, const char *name,
				  bool foreign)
{
	if (topology_find(t, TOPOLOGY_EXCHANGE, name) == NULL)
		topology_add(t, TOPOLOGY_EXCHANGE, name)->foreign = foreign;
}

static void topology_argue(struct topology_item *item, const char *name,
			   const char *text, int64_t number)
{
	assert(item->n_arguments < TOPOLOGY_ARGUMENTS);
	item->arguments[item->n_arguments++] =
		(struct topology_argument){ name, text, number };
}

/*
 * Where what is given up here goes; with the default strategy and overflow the
 * broker would lose it on the way when it is in trouble.
 */
static void topology_argue_hop(struct topology_item *item, const char *to)
{
	topology_argue(item, "x-overflow", "reject-publish", 0);
	topology_argue(item, "x-dead-letter-strategy", "at-least-once", 0);
	topology_argue(item, "x-dead-letter-exchange", "", 0);
	topology_argue(item, "x-dead-letter-routing-key", to, 0);
}

static struct topology_item *topology_add_queue(struct topology *t,
						const char *name, int queue)
{
	struct topology_item *item = topology_add(t, TOPOLOGY_QUEUE, name);

	item->queue = queue;
	topology_argue(item, "x-queue-type", "quorum", 0);
	return item;
}

static void topology_add_tiers(struct topology *t, int n,
			       const struct config_amqp *amqp)
{
	struct topology_queue *queue = &t->queues[n];
	const char **names = arena_alloc(&t->arena, (amqp->n_retry + 1) *
							    sizeof(*names));

	for (unsigned i = 0; i < amqp->n_retry; i++) {
		struct topology_item *item;

		names[i] = arena_format(&t->arena, "%s.retry.%s", queue->name,
					amqp->retry[i]);
		item = topology_add_queue(t, names[i], n);
		topology_argue_hop(item, queue->name);
		topology_argue(item, "x-message-ttl", NULL, amqp->retry_ms[i]);
	}
	queue->retry = names;
	queue->n_retry = amqp->n_retry;
}

/* What it needs comes first, so that nothing arrives without a way out. */
static int topology_add_main(struct topology *t, const char *name,
			     const struct config_amqp *amqp)
{
	int n = (int)t->n_queues++;
	struct topology_queue *queue = &t->queues[n];
	struct topology_item *item;

	queue->name = arena_text(&t->arena, name);
	queue->dead = arena_format(&t->arena, "%s.dead", name);
	item = topology_add_queue(t, queue->dead, n);
	topology_argue(item, "x-delivery-limit", NULL, TOPOLOGY_DEAD_LIMIT);
	topology_add_tiers(t, n, amqp);
	item = topology_add_queue(t, name, n);
	topology_argue_hop(item, queue->dead);
	topology_argue(item, "x-delivery-limit", NULL, amqp->delivery_limit);
	return n;
}

static void topology_add_route(struct topology *t, const struct route *route,
			       const struct config_amqp *amqp)
{
	const struct topology_item *main_queue =
		topology_find(t, TOPOLOGY_QUEUE, route->queue);
	int n = main_queue != NULL ? main_queue->queue :
				     topology_add_main(t, route->queue, amqp);

	for (unsigned i = 0; i < route->n_bindings; i++) {
		const struct route_binding *binding = &route->bindings[i];
		struct topology_item *item =
			topology_add(t, TOPOLOGY_BINDING, route->queue);

		item->exchange = arena_text(&t->arena, binding->exchange);
		item->key = arena_text(&t->arena, binding->key);
		item->queue = n;
	}
}

/* A handler that publishes says where by an option of this name. */
static void topology_add_instance(struct topology *t,
				  const struct gantry_instance *instance)
{
	const struct gantry_option *const *option = instance->plugin->options;

	for (; option != NULL && *option != NULL; option++) {
		const char *name;

		if (strcmp((*option)->name, "exchange") != 0 ||
		    (*option)->type != GANTRY_TYPE_TEXT)
			continue;
		name = *(const char *const *)((const char *)instance->self +
					      (*option)->offset);
		if (name != NULL && *name != '\0')
			topology_add_exchange(t, name, false);
	}
}

struct topology *topology_new(const struct graph *graph,
			      const struct config_amqp *amqp)
{
	struct topology *t = memory_new(sizeof(*t));

	t->declare_foreign = amqp->declare_exchanges;
	t->wait_ns = TOPOLOGY_WAIT_NS;
	t->queues = arena_zero(&t->arena, (graph->n_routes + 1) *
						  sizeof(*t->queues));
	for (unsigned i = 0; amqp->exchanges != NULL &&
			     amqp->exchanges[i] != NULL; i++)
		topology_add_exchange(t, amqp->exchanges[i], false);
	for (unsigned i = 0; i < graph->n_instances; i++)
		topology_add_instance(t, graph->instances[i]);
	for (unsigned i = 0; i < graph->n_routes; i++)
		for (unsigned j = 0; j < graph->routes[i]->n_bindings; j++)
			topology_add_exchange(
				t, graph->routes[i]->bindings[j].exchange,
				true);
	for (unsigned i = 0; i < graph->n_routes; i++)
		if (graph->routes[i]->source == GANTRY_SOURCE_AMQP)
			topology_add_route(t, graph->routes[i], amqp);
	return t;
}

static bool topology_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Arguments follow from the amqp section, which is one to both. */
bool topology_is_same(const struct topology *a, const struct topology *b)
{
	if (a->n_items != b->n_items || a->n_queues != b->n_queues)
		return false;
	for (unsigned i = 0; i < a->n_items; i++) {
		const struct topology_item *x = &a->items[i], *y = &b->items[i];

		if (x->kind != y->kind || x->foreign != y->foreign ||
		    x->queue != y->queue || strcmp(x->name, y->name) != 0 ||
		    !topology_same_text(x->exchange, y->exchange) ||
		    !topology_same_text(x->key, y->key))
			return false;
	}
	return true;
}

void topology_free(struct topology **topology)
{
	struct topology *t = *topology;

	if (t == NULL)
		return;
	free(t->items);
	arena_fini(&t->arena);
	free(t);
	*topology = NULL;
}

void topology_forget(struct topology *t)
{
	for (unsigned i = 0; i < t->n_items; i++)
		t->items[i].state = TOPOLOGY_UNKNOWN;
	for (unsigned i = 0; i < t->n_queues; i++)
		t->queues[i].ready = false;
}

static bool topology_is_there(const struct topology_item *item)
{
	return item->state == TOPOLOGY_THERE || item->state == TOPOLOGY_MADE;
}

bool topology_is_ready(const struct topology *t)
{
	for (unsigned i = 0; i < t->n_items; i++)
		if (!topology_is_there(&t->items[i]))
			return false;
	return true;
}

const struct topology_queue *topology_queue(const struct topology *t,
					    const char *name)
{
	for (unsigned i = 0; i < t->n_queues; i++)
		if (strcmp(t->queues[i].name, name) == 0)
			return &t->queues[i];
	return NULL;
}

const char *topology_retry(const struct topology_queue *queue,
			   unsigned attempts)
{
	assert(attempts > 0 && queue->n_retry > 0);
	return queue->retry[attempts <= queue->n_retry ? attempts - 1 :
							 queue->n_retry - 1];
}

/* A foreign one is the other side's to make, if it comes soon. */
static bool topology_may_make(const struct topology *t,
			      struct topology_item *item)
{
	int64_t now_ns = clock_steady_ns();

	if (item->state != TOPOLOGY_MISSING)
		return false;
	if (!item->foreign)
		return true;
	if (item->missed_ns == 0)
		item->missed_ns = now_ns;
	return t->declare_foreign &&
	       now_ns - item->missed_ns >= t->wait_ns;
}

/* A queue that differs, or whose dead letters have no place, gets no events. */
static bool topology_may_bind(struct topology *t,
			      const struct topology_item *binding)
{
	const struct topology_item *from =
		topology_find(t, TOPOLOGY_EXCHANGE, binding->exchange);

	if (from->state != TOPOLOGY_DIFFERS && !topology_is_there(from))
		return false;
	for (unsigned i = 0; i < t->n_items; i++)
		if (t->items[i].kind == TOPOLOGY_QUEUE &&
		    t->items[i].queue == binding->queue &&
		    !topology_is_there(&t->items[i]))
			return false;
	return true;
}

static int topology_do(struct topology *t, struct topology_item *item,
		       struct broker *b, struct gantry_error *err)
{
	if (topology_is_there(item))
		return 0;
	if (item->kind == TOPOLOGY_BINDING) {
		item->state = TOPOLOGY_UNSEEN;
		return topology_may_bind(t, item) ? declare_make(b, item, err) :
						    0;
	}
	if (declare_look(b, item, err) < 0)
		return -1;
	return topology_may_make(t, item) ? declare_make(b, item, err) : 0;
}

/* The first queue that a queue of routes lacks, or NULL. */
static const struct topology_item *topology_lack(const struct topology *t, int n)
{
	for (unsigned i = 0; i < t->n_items; i++)
		if (t->items[i].queue == n &&
		    t->items[i].kind == TOPOLOGY_QUEUE &&
		    !topology_is_there(&t->items[i]))
			return &t->items[i];
	return NULL;
}

static void topology_judge(struct topology *t, int n)
{
	struct topology_queue *queue = &t->queues[n];
	const struct topology_item *lack = topology_lack(t, n);
	const char *why = lack != NULL ? lack->said : "";

	queue->ready = lack == NULL;
	if (strcmp(why, queue->why) == 0)
		return;
	if (lack != NULL)
		log_warning("amqp: queue %s is not consumed: %s; see gantry "
			    "topology plan", queue->name, why);
	else
		log_info("amqp: queue %s is consumed now", queue->name);
	snprintf(queue->why, sizeof(queue->why), "%s", why);
}

/* Once, each time that it changes. */
static void topology_tell(struct topology_item *item)
{
	enum topology_state before = item->told;

	item->told = item->state;
	if (item->kind == TOPOLOGY_QUEUE || item->state == before ||
	    item->state == TOPOLOGY_UNKNOWN || item->state == TOPOLOGY_UNSEEN)
		return;
	if (item->state == TOPOLOGY_MISSING)
		log_warning("amqp: exchange %s is not there; it is waited for",
			    item->name);
	else if (!topology_is_there(item))
		log_warning("amqp: %s %s: %s",
			    item->kind == TOPOLOGY_EXCHANGE ? "exchange" :
							      "queue",
			    item->name, item->said);
	else if (before == TOPOLOGY_MISSING)
		log_info("amqp: exchange %s is there now", item->name);
}

/* One after the other on a channel of their own: a refusal closes it. */
static int topology_walk(struct topology *t, struct broker *b, bool all,
			 struct gantry_error *err)
{
	int result = broker_channel(b, TOPOLOGY_CHANNEL, err);

	for (unsigned i = 0; i < t->n_items && result == 0; i++)
		if (all || (t->items[i].kind == TOPOLOGY_EXCHANGE &&
			    !t->items[i].foreign))
			result = topology_do(t, &t->items[i], b, err);
	if (result < 0)
		return -1;
	return broker_channel_close(b, TOPOLOGY_CHANNEL, err);
}

int topology_declare(struct topology *t, struct broker *b,
		     struct gantry_error *err)
{
	if (topology_walk(t, b, true, err) < 0)
		return -1;
	for (unsigned i = 0; i < t->n_items; i++)
		topology_tell(&t->items[i]);
	for (unsigned i = 0; i < t->n_queues; i++)
		topology_judge(t, (int)i);
	return 0;
}

int topology_declare_exchanges(struct topology *t, struct broker *b,
			       struct gantry_error *err)
{
	if (topology_walk(t, b, false, err) < 0)
		return -1;
	for (unsigned i = 0; i < t->n_items; i++)
		if (!t->items[i].foreign)
			topology_tell(&t->items[i]);
	return 0;
}

int topology_apply(struct topology *t, struct broker *b,
		   struct gantry_error *err)
{
	t->wait_ns = 0;
	return topology_walk(t, b, true, err);
}

int topology_look(struct topology *t, struct broker *b, struct gantry_error *err)
{
	int result = broker_channel(b, TOPOLOGY_CHANNEL, err);

	for (unsigned i = 0; i < t->n_items && result == 0; i++) {
		struct topology_item *item = &t->items[i];

		if (item->kind != TOPOLOGY_BINDING) {
			result = declare_look(b, item, err);
			continue;
		}
		item->state = TOPOLOGY_UNSEEN;
		if (topology_find(t, TOPOLOGY_QUEUE, item->name)->state ==
			    TOPOLOGY_MISSING ||
		    topology_find(t, TOPOLOGY_EXCHANGE, item->exchange)->state ==
			    TOPOLOGY_MISSING)
			item->state = TOPOLOGY_MISSING;
	}
	return result < 0 ? -1 :
			    broker_channel_close(b, TOPOLOGY_CHANNEL, err);
}

const char *topology_wanted(const struct topology_item *item,
			    struct arena *arena)
{
	const char *text = "";

	if (item->kind == TOPOLOGY_EXCHANGE)
		return "topic, durable";
	for (unsigned i = 0; i < item->n_arguments; i++) {
		const struct topology_argument *a = &item->arguments[i];
		const char *comma = i > 0 ? ", " : "";

		text = a->text != NULL ?
			       arena_format(arena, "%s%s%s \"%s\"", text, comma,
					    a->name, a->text) :
			       arena_format(arena, "%s%s%s %" PRId64, text,
					    comma, a->name, a->number);
	}
	return text;
}

const char *topology_mend(const struct topology_item *item, struct arena *arena)
{
	if (item->state == TOPOLOGY_MISSING && item->foreign)
		return "who publishes to it declares it, or amqp."
		       "declare_exchanges: true";
	if (item->state == TOPOLOGY_MISSING)
		return "gantry topology apply";
	if (item->state == TOPOLOGY_REFUSED)
		return arena_format(arena, "give the user its rights: "
					   "rabbitmqctl set_permissions");
	if (item->state != TOPOLOGY_DIFFERS)
		return NULL;
	if (item->kind == TOPOLOGY_EXCHANGE)
		return "let both sides agree on a topic exchange; delete this "
		       "one when nobody uses it, then gantry topology apply";
	return arena_format(arena,
			    "stop what publishes to it, empty it, rabbitmqctl "
			    "delete_queue %s, then gantry topology apply",
			    item->name);
}
