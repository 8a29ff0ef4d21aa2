/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - all tables of Gantry: those of stock, then the committer's own.
 */
#ifndef COMMIT_SCHEMA_H
#define COMMIT_SCHEMA_H

#include "gateway/stock/schema.h"

enum commit_table {
	COMMIT_OUTBOX = STOCK_TABLES,
	COMMIT_INBOX,
	COMMIT_IDEMPOTENCY,
	COMMIT_RECORDS,
	COMMIT_LEASES,
	COMMIT_DEAD_LETTERS,
	COMMIT_AUDIT,
	COMMIT_TABLES,			/* how many, with those of stock */
};

/* Events that wait for the broker (I5); the ref is their order. */
enum commit_outbox_column {
	OUTBOX_REF, OUTBOX_VERSION,
	OUTBOX_OWNER,			/* the replica that publishes it */
	OUTBOX_AFTER,			/* ref of the event that goes before, or NULL */
	OUTBOX_AGGREGATE_TYPE, OUTBOX_AGGREGATE_ID,
	OUTBOX_EXCHANGE, OUTBOX_ROUTING_KEY, OUTBOX_TYPE, OUTBOX_EVENT_ID,
	OUTBOX_CORRELATION_ID, OUTBOX_TRACEPARENT,
	OUTBOX_BODY,			/* the envelope, as it goes out */
	OUTBOX_CREATED_AT,
	OUTBOX_CAUSE,			/* why the broker did not take it, or NULL */
	OUTBOX_TRACESTATE,		/* at most 512 bytes, or NULL */
	OUTBOX_COLUMNS,
};

/* Events that came in and were decided (D20). */
enum commit_inbox_column {
	INBOX_REF, INBOX_VERSION,
	INBOX_KEY,			/* queue:eventId, unique index 0 */
	INBOX_STATE,			/* applied, refused, dead, discarded */
	INBOX_CREATED_AT,
	INBOX_COLUMNS,
};

/* Answers kept for 24 hours (D6). */
enum commit_idempotency_column {
	IDEMPOTENCY_REF, IDEMPOTENCY_VERSION,
	IDEMPOTENCY_KEY,		/* scope and key, unique index 0 */
	IDEMPOTENCY_FINGERPRINT,
	IDEMPOTENCY_STATUS,
	IDEMPOTENCY_HEADERS,		/* "Name: value" lines, or NULL */
	IDEMPOTENCY_ANSWER,
	IDEMPOTENCY_CREATED_AT,
	IDEMPOTENCY_COLUMNS,
};

/* What handlers keep (gantry_record_put). */
enum commit_records_column {
	RECORDS_REF, RECORDS_VERSION,
	RECORDS_KEY,			/* instance, space, key; unique index 0 */
	RECORDS_VALUE,			/* JSON */
	RECORDS_UPDATED_AT,
	RECORDS_LAST_EVENT,		/* ref of its newest ordered event (I5) */
	RECORDS_COLUMNS,
};

enum commit_leases_column {
	LEASES_REF, LEASES_VERSION,
	LEASES_NAME,			/* unique index 0 */
	LEASES_OWNER, LEASES_UNTIL,
	LEASES_EPOCH,			/* +1 with each new holder */
	LEASES_COLUMNS,
};

/* Deliveries that were given up (D24); the ref is their order and their name. */
enum commit_dead_letters_column {
	DEAD_LETTERS_REF, DEAD_LETTERS_VERSION,
	DEAD_LETTERS_KEY,		/* as the inbox's; without an event id
					   made from what it is; unique index 0 */
	DEAD_LETTERS_STATE,		/* open, applied, refused, discarded */
	DEAD_LETTERS_QUEUE, DEAD_LETTERS_EVENT_ID,
	DEAD_LETTERS_EXCHANGE, DEAD_LETTERS_ROUTING_KEY,
	DEAD_LETTERS_CAUSE, DEAD_LETTERS_TEXT, DEAD_LETTERS_HANDLER,
	DEAD_LETTERS_ATTEMPTS,
	DEAD_LETTERS_HEADERS,		/* JSON, at most 4 KiB, or NULL */
	DEAD_LETTERS_CONTENT_TYPE,
	DEAD_LETTERS_CORRELATION_ID, DEAD_LETTERS_TRACEPARENT,
	DEAD_LETTERS_FORM,		/* of body: text, base64 */
	DEAD_LETTERS_BODY,
	DEAD_LETTERS_ORIGINAL_FORM, DEAD_LETTERS_ORIGINAL,	/* if edited */
	DEAD_LETTERS_DIED_AT, DEAD_LETTERS_CREATED_AT,
	DEAD_LETTERS_OPEN_CAUSE,	/* cause while open, else NULL; index 1 */
	DEAD_LETTERS_CLOSED_AT,		/* NULL while open; index 2 */
	DEAD_LETTERS_COLUMNS,
};

/* What people did (D24), never changed again. */
enum commit_audit_column {
	AUDIT_REF, AUDIT_VERSION,
	AUDIT_AT,
	AUDIT_ACTOR, AUDIT_ACTION,
	AUDIT_OBJECT,			/* "dead-letter 123" */
	AUDIT_RESULT,			/* applied, failed ... */
	AUDIT_TEXT,			/* reason or error, or NULL */
	AUDIT_COLUMNS,
};

extern const struct gantry_schema commit_schema;

#endif
