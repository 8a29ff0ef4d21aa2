/* SPDX-License-Identifier: Apache-2.0 */
/* drift - see drift.h. */
#include "drift.h"

#include <string.h>

#include <gantry/member.h>
#include <gantry/write.h>

#define DRIFT_MAX_COUNT (INT64_C(1) << 53)
#define DRIFT_MAX_QUANTITY INT64_C(1000000000)
#define DRIFT_MAX_REASON 1024

enum {
	DRIFT_ORDER = 1, DRIFT_LINE = 2, DRIFT_ALLOCATION = 4, DRIFT_ITEM = 8,
	DRIFT_AMOUNT = 16, DRIFT_VERSION = 32, DRIFT_WHOLE = 64, DRIFT_COUNT = 128,
	DRIFT_REPLACES = 256,
};

/* What a command of a plan must have; DRIFT_VERSION: its condition. */
static const struct drift_verb {
	const char *name;
	enum gantry_command_kind kind;
	unsigned needs;
} drift_verbs[] = {
	{ "allocate", GANTRY_ALLOCATE,
	  DRIFT_ORDER | DRIFT_LINE | DRIFT_ITEM | DRIFT_AMOUNT },
	{ "replace", GANTRY_ALLOCATE,
	  DRIFT_ORDER | DRIFT_LINE | DRIFT_ITEM | DRIFT_AMOUNT | DRIFT_ALLOCATION |
		  DRIFT_VERSION | DRIFT_REPLACES },
	{ "cancel", GANTRY_CANCEL, DRIFT_ALLOCATION | DRIFT_VERSION },
	{ "expire", GANTRY_EXPIRE, DRIFT_ALLOCATION | DRIFT_VERSION },
	{ "verify", GANTRY_VERIFY, DRIFT_ALLOCATION | DRIFT_VERSION },
	{ "open-order", GANTRY_ORDER_OPEN, DRIFT_ORDER },
	{ "confirm-order", GANTRY_ORDER_CONFIRM, DRIFT_ORDER | DRIFT_WHOLE },
	{ "cancel-order", GANTRY_ORDER_CANCEL,
	  DRIFT_ORDER | DRIFT_WHOLE | DRIFT_VERSION },
	{ "recount", GANTRY_ITEM_RECOUNT, DRIFT_ITEM | DRIFT_COUNT | DRIFT_VERSION },
};

#define DRIFT_VERBS (sizeof(drift_verbs) / sizeof(drift_verbs[0]))

const char *drift_class_name(enum drift_class class)
{
	static const char *const names[DRIFT_CLASSES] = {
		[DRIFT_MISSING] = "missing", [DRIFT_ORPHAN] = "orphan",
		[DRIFT_STATUS] = "status", [DRIFT_QUANTITY] = "quantity",
		[DRIFT_EXPIRED] = "expired", [DRIFT_COUNTERS] = "counters",
		[DRIFT_UNSENT] = "unsent", [DRIFT_UNVERIFIED] = "unverified",
	};

	return names[class];
}

const char *drift_mode_name(enum drift_mode mode)
{
	static const char *const names[] = {
		[DRIFT_OFF] = "off", [DRIFT_REPORT] = "report",
		[DRIFT_PROPOSE] = "propose", [DRIFT_AUTO] = "auto",
	};

	return names[mode];
}

static const struct drift_verb *drift_verb_of(const struct gantry_command *c)
{
	bool replaces = c->kind == GANTRY_ALLOCATE && c->allocation_id != NULL;

	for (size_t i = 0; i < DRIFT_VERBS; i++)
		if (drift_verbs[i].kind == c->kind &&
		    !(drift_verbs[i].needs & DRIFT_REPLACES) == !replaces)
			return &drift_verbs[i];
	return NULL;
}

static void drift_write_command(struct gantry_writer *w, const struct gantry_command *c)
{
	const struct drift_verb *verb = drift_verb_of(c);

	gantry_write_object(w, "command");
	gantry_write_text(w, "do", verb->name);
	if (verb->needs & (DRIFT_AMOUNT | DRIFT_COUNT))
		gantry_write_int(w, "quantity", c->quantity);
	if (c->warehouse_id != NULL)
		gantry_write_text(w, "warehouseId", c->warehouse_id);
	if (c->expires_at_ms != 0)
		gantry_write_time(w, "expiresAt", c->expires_at_ms);
	if (c->if_version != 0)
		gantry_write_int(w, "ifVersion", c->if_version);
	if (c->if_allocations != 0)
		gantry_write_int(w, "ifAllocations", c->if_allocations);
	gantry_write_end(w);
}

static void drift_write_value(struct gantry_writer *w, const char *name,
			      const char *text, int64_t number)
{
	if (text != NULL)
		gantry_write_text(w, name, text);
	else
		gantry_write_int(w, name, number);
}

void drift_write(struct gantry_writer *w, const struct drift *d, enum drift_mode mode)
{
	const struct {
		const char *name, *value;
	} ids[] = {
		{ "orderId", d->order_id }, { "orderItemId", d->order_item_id },
		{ "allocationId", d->allocation_id }, { "inventoryItemId", d->item_id },
	};

	gantry_write_object(w, NULL);
	gantry_write_text(w, "class", drift_class_name(d->class));
	gantry_write_text(w, "mode", drift_mode_name(mode));
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (ids[i].value != NULL)
			gantry_write_text(w, ids[i].name, ids[i].value);
	drift_write_value(w, "said", d->said, d->said_n);
	drift_write_value(w, "held", d->held, d->held_n);
	gantry_write_text(w, "why", d->why);
	if (d->command.kind != 0 && mode != DRIFT_REPORT)
		drift_write_command(w, &d->command);
	gantry_write_end(w);
}

static const struct drift_verb *drift_read_verb(struct gantry_message *m,
						const json_t *command,
						const char *place,
						struct gantry_error *err)
{
	const char *name = gantry_member_text(command, place, "do", 32, 0, err);

	for (size_t i = 0; i < DRIFT_VERBS && name != NULL; i++)
		if (strcmp(drift_verbs[i].name, name) == 0)
			return &drift_verbs[i];
	if (name != NULL)
		gantry_problem(err, gantry_format(m, "%sdo", place),
			       "there is no command \"%s\"", name);
	return NULL;
}

/* A version that was read; 0, where none is needed: any. */
static int64_t drift_read_version(const json_t *command, const char *place,
				  const char *name, bool needed,
				  struct gantry_error *err)
{
	if (!needed && json_object_get(command, name) == NULL)
		return 0;
	return gantry_member_integer(command, place, name, 1, INT64_MAX, err);
}

static void drift_read_command(const json_t *command, const char *place,
			       const struct drift_verb *verb,
			       struct gantry_command *c, struct gantry_error *err)
{
	*c = (struct gantry_command){ .size = sizeof(*c), .kind = verb->kind,
				      .if_refused = GANTRY_IF_REFUSED_GO_ON };
	c->by_event = verb->kind == GANTRY_ALLOCATE && !(verb->needs & DRIFT_REPLACES);
	c->no_shortage_event = verb->kind == GANTRY_ALLOCATE;
	if (verb->kind == GANTRY_CANCEL || verb->kind == GANTRY_ORDER_CANCEL ||
	    verb->needs & DRIFT_REPLACES)
		c->reason = "RECONCILED";
	if (verb->needs & DRIFT_AMOUNT)
		c->quantity = gantry_member_integer(command, place, "quantity", 1,
						    DRIFT_MAX_QUANTITY, err);
	if (verb->needs & DRIFT_COUNT)
		c->quantity = gantry_member_integer(command, place, "quantity", 0,
						    DRIFT_MAX_COUNT, err);
	if (verb->kind == GANTRY_ALLOCATE) {
		c->warehouse_id = gantry_member_text(command, place, "warehouseId",
						     GANTRY_MAX_ID, GANTRY_OPTIONAL, err);
		c->expires_at_ms = gantry_member_time(command, place, "expiresAt", err);
	}
	c->if_version = drift_read_version(command, place, "ifVersion",
					   verb->needs & DRIFT_VERSION, err);
	if (verb->needs & DRIFT_WHOLE)
		c->if_allocations = drift_read_version(command, place, "ifAllocations",
						       false, err);
}

bool drift_command(const json_t *drift, const char *place, struct gantry_message *m,
		   struct gantry_command *out, struct gantry_error *err)
{
	const json_t *command = gantry_member_object(drift, place, "command",
						     GANTRY_OPTIONAL, err);
	const char *within = gantry_format(m, "%scommand.", place);
	const struct drift_verb *verb = command == NULL ? NULL :
					drift_read_verb(m, command, within, err);
	size_t before = gantry_problems(err);

	if (verb == NULL)
		return false;
	drift_read_command(command, within, verb, out, err);
	if (verb->needs & DRIFT_ORDER)
		out->order_id = gantry_member_text(drift, place, "orderId",
						   GANTRY_MAX_ID, 0, err);
	if (verb->needs & DRIFT_LINE)
		out->order_item_id = gantry_member_text(drift, place, "orderItemId",
							GANTRY_MAX_ID, 0, err);
	if (verb->needs & DRIFT_ALLOCATION)
		out->allocation_id = gantry_member_text(drift, place, "allocationId",
							GANTRY_MAX_ID, 0, err);
	if (verb->needs & DRIFT_ITEM)
		out->item_id = gantry_member_text(drift, place, "inventoryItemId",
						  GANTRY_MAX_ID, 0, err);
	return gantry_problems(err) == before;
}
