/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effect - what a handler wants done. Nothing here acts: effects are staged,
 * and become visible all together when the pipeline has finished and its unit
 * is durable, or not at all.
 *
 * All return 0 (gantry_command: its step) or -1 with err set when an argument
 * is wrong or a bound is passed (1,000 commands, 64 publishes, 64 records,
 * 1 MiB in all; replies apart, 16 MiB). Who was told that a bound is passed and
 * says DONE or NEXT all the same has failed: nothing is lost without a word. A
 * verdict of FAILED or REJECTED stands. Arguments are copied at the call;
 * trees are written out at the call and stay the caller's.
 */
#ifndef GANTRY_EFFECT_H
#define GANTRY_EFFECT_H

#include <gantry/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Keep a JSON value under space and key for this handler instance; NULL
 * removes it. Visible to gantry_record_get() after the commit. Level 1.
 */
int gantry_record_put(struct gantry_message *m, const char *space,
		      const char *key, const json_t *value,
		      struct gantry_error *err);

/*
 * An event to publish. The core makes the envelope (D15): eventId, timestamp
 * and metadata are its own.
 */
struct gantry_event {
	size_t size;
	const char *exchange;
	const char *routing_key;
	const char *type;		/* eventType; NULL: "Event" */
	const char *version;		/* eventVersion; NULL: "1.0.0" */
	const char *aggregate_type;	/* NULL: "Message" */
	const char *aggregate_id;	/* NULL: the id of the message */
	const json_t *payload;		/* or payload_text */
	const char *payload_text;	/* JSON, as gantry/write.h makes it */
	size_t payload_len;
	bool even_if_rejected;		/* keep it if the message is rejected */
	bool ordered;			/* behind the aggregate's event before: of
					   the type "Order", its id the order of
					   one of the message's commands; or the
					   space and key of a record that the
					   message reads or puts, and that is kept */
};
#define GANTRY_EVENT(...) \
	((struct gantry_event){ .size = sizeof(struct gantry_event), __VA_ARGS__ })

int gantry_publish(struct gantry_message *m, const struct gantry_event *event,
		   struct gantry_error *err);

enum gantry_command_kind {
	GANTRY_ALLOCATE = 1,	/* order_id, order_item_id, item_id, quantity;
				   warehouse_id, expires_at_ms; allocation_id: the
				   one that it takes the place of, then reason */
	GANTRY_CONFIRM,		/* allocation_id */
	GANTRY_CANCEL,		/* allocation_id; reason */
	GANTRY_FULFILL,		/* allocation_id */
	GANTRY_EXPIRE,		/* allocation_id */
	GANTRY_ORDER_OPEN,	/* order_id: the order row, no allocation */
	GANTRY_ORDER_CONFIRM,	/* order_id */
	GANTRY_ORDER_CANCEL,	/* order_id; reason */
	GANTRY_ITEM_CREATE,	/* item_id, sku, product_id, warehouse_id, quantity */
	GANTRY_ITEM_ADJUST,	/* item_id, quantity (a delta), reason */
	GANTRY_RETURN_EXPECT,	/* order_id; return_id; order_item_id and quantity,
				   or neither: all that is fulfilled */
	GANTRY_RETURN_RECEIVE,	/* return_id; order_item_id and quantity, or neither */
	GANTRY_VERIFY,		/* allocation_id: the order is as it should be */
	GANTRY_ITEM_RECOUNT,	/* item_id, quantity: what is reserved of it, summed
				   by who says it; if_version, or it is a guess */
};

enum gantry_if_refused {
	GANTRY_IF_REFUSED_DEFAULT = 0,	/* reject for http and admin, else go on */
	GANTRY_IF_REFUSED_REJECT,
	GANTRY_IF_REFUSED_GO_ON,
};

/*
 * A stock command, decided under lock in the unit by the rules of the core
 * (D1 to D7, D20). Which members a kind needs stands beside it; after the
 * semicolon what it may have. Ids are 1 to 128 printable bytes.
 */
struct gantry_command {
	size_t size;
	enum gantry_command_kind kind;
	enum gantry_if_refused if_refused;
	const char *order_id;
	const char *order_item_id;
	const char *item_id;		/* inventory item */
	const char *allocation_id;
	const char *return_id;
	const char *warehouse_id;
	const char *sku;
	const char *product_id;
	const char *reason;
	int64_t quantity;		/* units; 1 to 1e9 but for a delta */
	int64_t expires_at_ms;		/* 0: never */
	int64_t if_version;		/* 0: any; else refused if it moved: the
					   allocation, the order (ALLOCATE without
					   allocation_id), the item's counters; as it
					   was before this message */
	int64_t position;		/* 1-based place in the caller's list; 0:
					   none. Errors carry index = position - 1 */
	bool by_event;			/* decide as an event: the row of the order
					   says what happens, a cancelled order is
					   no refusal (D20) */
	bool no_shortage_event;		/* no InsufficientStock if refused (D16) */
	bool unverified;		/* allocate: the Order Service could not be
					   asked; reconciliation will (D27) */
	int64_t if_allocations;		/* ORDER_CONFIRM, ORDER_CANCEL: 0: any; else
					   refused unless the versions of the order's
					   allocations that are not CANCELLED add up
					   to it, as it was before this message */
};
#define GANTRY_COMMAND(...) \
	((struct gantry_command){ .size = sizeof(struct gantry_command), __VA_ARGS__ })

/* Stage a command. Returns its step, 0 for the first, or -1. Level 1. */
int gantry_command(struct gantry_message *m,
		   const struct gantry_command *command,
		   struct gantry_error *err);

/* Answer with a status and a JSON tree. Of several replies the last counts. */
int gantry_reply(struct gantry_message *m, int status, const json_t *body,
		 struct gantry_error *err);

/* The same with JSON text of len bytes, as gantry/write.h makes it. */
int gantry_reply_text(struct gantry_message *m, int status, const char *text,
		      size_t len, struct gantry_error *err);

/*
 * A header of the answer, such as Location. Framing headers, Content-Type and
 * what the core sets itself are refused. Level 1.
 */
int gantry_reply_header(struct gantry_message *m, const char *name,
			const char *value, struct gantry_error *err);

/*
 * A header of whatever the answer will be, an error or a kept answer of an
 * Idempotency-Key, too; it is not kept with that. Retry-After may be one. A
 * later one of the same name takes its place. Level 1.
 */
int gantry_header_always(struct gantry_message *m, const char *name,
			 const char *value, struct gantry_error *err);

/* Schedule only: tick again at once after the commit. Level 1. */
int gantry_again(struct gantry_message *m, struct gantry_error *err);

#ifdef __cplusplus
}
#endif

#endif
