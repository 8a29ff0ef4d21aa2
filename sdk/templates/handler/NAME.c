/* SPDX-License-Identifier: Apache-2.0 */
/*
 * @NAME@ - say here what it does.
 *
 * As it stands it counts events by their type: a record of its own for each
 * type, and an event "@CAMEL@Counted" that tells the new count.
 */
#include <gantry/plugin.h>

struct @IDENT@ {
	const char *exchange, *key;
};

/* What the configuration may say; filled in before open() is called. */
static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct @IDENT@, exchange, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "The exchange to publish to"),
	GANTRY_TEXT(struct @IDENT@, key, .fallback = "@NAME@.counted",
		    .summary = "The routing key to publish with"),
	NULL
};

/*
 * From a message to a verdict. Nothing here acts: what is staged is committed
 * with the message, all of it, or nothing. It may run more than once for the
 * same message and must say the same each time.
 */
static enum gantry_verdict @IDENT@_count(void *self, struct gantry_message *m,
					struct gantry_error *err)
{
	const struct @IDENT@ *p = self;
	const json_t *event = gantry_json(m, err);
	const char *type = json_string_value(json_object_get(event, "eventType"));
	enum gantry_verdict verdict = GANTRY_FAILED;
	const json_t *before;
	json_t *count;

	if (type == NULL)
		return gantry_reject(err, "VALIDATION_ERROR");
	before = gantry_record_get(m, "counts", type, err);
	if (gantry_asking(m))
		return GANTRY_FAILED;	/* fetched now; then we run again */
	count = json_pack("{ss, sI}", "eventType", type, "count", (json_int_t)1 +
			  json_integer_value(json_object_get(before, "count")));
	if (gantry_record_put(m, "counts", type, count, err) == 0 &&
	    gantry_publish(m, &GANTRY_EVENT(.exchange = p->exchange,
			.routing_key = p->key, .type = "@CAMEL@Counted",
			.payload = count), err) == 0)
		verdict = GANTRY_DONE;
	json_decref(count);
	return verdict;
}

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "count", .summary = "Count events by their type",
		       .handle = @IDENT@_count),
	NULL
};

GANTRY_PLUGIN(.name = "@NAME@", .version = "1.0.0",
	      .summary = "Counts events by their type",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct @IDENT@),
	      .options = options, .handlers = handlers);
