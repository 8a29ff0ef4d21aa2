/* SPDX-License-Identifier: Apache-2.0 */
/* events - see private.h: what the handlers of a route take and publish. */
#include <string.h>

#include "gateway/spec/private.h"
#include "gateway/stock/describe.h"

/* An event of the stock, by its name; or the one that the handler describes. */
static json_t *events_find(struct spec *s, const char *where, const json_t *said)
{
	json_t *stock = describe_own(stock_describe_events), *each, *found = NULL;
	size_t i;

	json_array_foreach(stock, i, each)
		if (json_equal(json_object_get(each, "name"), said))
			found = json_incref(each);
	json_decref(stock);
	if (found == NULL)
		gantry_fail(s->err, "%s: the stock has no event \"%s\"", where,
			    json_string_value(said));
	return found;
}

static bool events_has_text(const json_t *event, const char *name)
{
	/* one that is empty comes from an option that says nothing */
	return json_is_string(json_object_get(event, name));
}

static int events_take_sent(struct spec *s, const char *where, json_t *said,
			    struct events *e)
{
	static const char *const known[] = { "name", "summary", "exchange", "key",
					     "aggregateType", "payload", NULL };
	json_t *event;

	if (json_is_string(said)) {
		event = events_find(s, where, said);
		if (event == NULL)
			return -1;
		json_array_append_new(e->sends, event);
		return 0;
	}
	if (!events_has_text(said, "name") || !events_has_text(said, "exchange") ||
	    !events_has_text(said, "key"))
		return gantry_fail(s->err, "%s: what is sent needs name, exchange and key",
				   where);
	json_array_append(e->sends, said);
	return describe_known(s, where, said, known);
}

static int events_take_received(struct spec *s, const char *where, json_t *said,
				struct events *e)
{
	static const char *const known[] = { "name", "summary", "payload", "body", NULL };

	if (!events_has_text(said, "name"))
		return gantry_fail(s->err, "%s: what is received needs a name", where);
	json_array_append(e->receives, said);
	return describe_known(s, where, said, known);
}

static void events_take_codes(json_t *into, const json_t *codes)
{
	const json_t *code;
	size_t i;

	json_array_foreach(codes, i, code)
		if (json_is_string(code))
			spec_append_once(into, json_string_value(code));
}

static int events_take(struct spec *s, const char *where, const json_t *tree,
		       struct events *e)
{
	static const char *const known[] = { "receives", "sends", "errors", "retries",
					     NULL };
	json_t *each;
	size_t i;

	if (describe_known(s, where, tree, known) < 0)
		return -1;
	json_array_foreach(json_object_get(tree, "receives"), i, each)
		if (events_take_received(s, where, each, e) < 0)
			return -1;
	json_array_foreach(json_object_get(tree, "sends"), i, each)
		if (events_take_sent(s, where, each, e) < 0)
			return -1;
	events_take_codes(e->errors, json_object_get(tree, "errors"));
	events_take_codes(e->retries, json_object_get(tree, "retries"));
	return 0;
}

static int events_of_step(struct spec *s, const struct route_step *step, struct events *e)
{
	const char *where = arena_format(&s->arena, "%s.%s: events", step->instance->name,
					 step->handler->name);
	json_t *tree;
	int result;

	if (step->handler->events == NULL)
		return 0;
	tree = describe_parse(s, step->instance, where, step->handler->events);
	result = tree == NULL ? -1 : events_take(s, where, tree, e);
	json_decref(tree);
	return result;
}

int events_of_route(struct spec *s, const struct route *route, struct events *out)
{
	*out = (struct events){ json_array(), json_array(), json_array(), json_array() };
	for (unsigned i = 0; i < route->n_steps; i++)
		if (events_of_step(s, &route->steps[i], out) < 0) {
			events_fini(out);
			return -1;
		}
	return 0;
}

void events_fini(struct events *e)
{
	json_decref(e->receives);
	json_decref(e->sends);
	json_decref(e->errors);
	json_decref(e->retries);
}
