/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - what a message wants to know, and the answers it got (gantry/ask.h).
 */
#ifndef PIPELINE_ASK_H
#define PIPELINE_ASK_H

#include "gateway/pipeline/call.h"
#include "gateway/pipeline/message.h"

#define ASK_MAX 64		/* of one message */
/* Between the parts of a record's key: unit separator, which none of them holds. */
#define ASK_JOINT "\x1f"

enum ask_kind { ASK_RECORD = 1, ASK_QUERY, ASK_CALL };

struct message_ask {
	struct message_ask *next;
	enum ask_kind kind;
	bool answered;
	struct gantry_error *error;	/* in the arena; NULL: none */

	const char *record;		/* key in the records table; of a query:
					   what those asked for begin with */
	int64_t version;		/* of the record; 0: there is none */
	json_t *value;			/* of the record, or NULL */

	struct gantry_query query;
	struct gantry_page page;
	json_t *rows;

	struct call *call;
};

/* The key of a record in its table: instance, space and key as one text. */
const char *ask_record_key(struct arena *arena, const char *instance,
			   const char *space, const char *key);

/* The next ask that has no answer, from ask on; NULL at the end. */
struct message_ask *ask_open(struct message_ask *ask);

/* The answer failed; the ask's handler hears it with its dependency. */
void ask_fail(struct gantry_message *m, struct message_ask *ask,
	      const struct gantry_error *err);

/* A new one, which m waits for if asking says so; NULL with err: there are too many. */
struct message_ask *ask_add(struct gantry_message *m, enum ask_kind kind,
			    struct gantry_error *err);

/* Whether the answer is there and is no error; else as gantry/ask.h says. */
bool ask_is_good(struct gantry_message *m, const struct message_ask *ask,
		 struct gantry_error *err);

/* Free trees; the list is empty then. */
void ask_free_all(struct gantry_message *m);

#endif
