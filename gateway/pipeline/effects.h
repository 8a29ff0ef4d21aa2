/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effects - what handlers staged, as one flat, pointer-free list of bytes.
 *
 * The same bytes go to the committer, over the isolation socket and into
 * run-handler. Everything is copied in; what comes out points into the list
 * and lives as long as it is not grown.
 */
#ifndef PIPELINE_EFFECTS_H
#define PIPELINE_EFFECTS_H

#include <gantry/effect.h>

struct arena;

#define EFFECTS_MAX_BYTES (1u << 20)
#define EFFECTS_MAX_REPLY (16u << 20)	/* a list of what is stored may be long */
#define EFFECTS_MAX_COMMANDS 1000u
#define EFFECTS_MAX_EVENTS 64u
#define EFFECTS_MAX_RECORDS 64u
#define EFFECTS_MAX_HEADERS 8u

enum effect_kind {
	EFFECT_RECORD = 1,
	EFFECT_EVENT,
	EFFECT_COMMAND,
	EFFECT_REPLY,
	EFFECT_HEADER,
	EFFECT_AGAIN,
	EFFECT_ANSWER_HEADER,	/* of an error, too */
	EFFECT_PASS,		/* reply with the answer of an ask */
};

struct effects {
	char *bytes;			/* in the message's arena */
	size_t len, room;
	size_t reply_len;		/* of len: what replies take */
	unsigned n_commands, n_events, n_records, n_headers, n_answer_headers;
	bool overfull;			/* something was not taken: it does not fit */
};

struct effect_record {
	const char *instance, *space, *key;
	const char *value;		/* JSON text; NULL: remove */
	size_t value_len;
};

struct effect_reply {
	int status;
	const char *text;
	size_t len;
};

struct effect {
	enum effect_kind kind;
	unsigned handler;		/* step of the pipeline that staged it */
	union {
		struct effect_record record;
		struct gantry_event event;	/* payload as payload_text */
		struct gantry_command command;
		struct effect_reply reply;
		struct { const char *name, *value; } header;
		int64_t ask;			/* its position */
	} as;
};

/*
 * Where a command's members are, for whoever takes one apart: its texts, its
 * numbers, and its flags as the bits of one. A new member has its place here.
 */
#define EFFECTS_COMMAND_TEXTS 9
#define EFFECTS_COMMAND_NUMBERS 5
#define EFFECTS_COMMAND_FLAGS 7		/* all of them */
extern const size_t effects_command_texts[EFFECTS_COMMAND_TEXTS];
extern const size_t effects_command_numbers[EFFECTS_COMMAND_NUMBERS];
int64_t effects_command_flags(const struct gantry_command *c);
void effects_command_set_flags(struct gantry_command *c, int64_t flags);

/* Add one; 0, or -1 with err and overfull when a bound is passed. */
int effects_add(struct effects *effects, struct arena *arena,
		const struct effect *effect, struct gantry_error *err);

/* Take back to where it was: a copy of the struct made before. */
void effects_truncate(struct effects *effects, const struct effects *mark);

/* The next one; *cursor begins with 0. False at the end. */
bool effects_next(const struct effects *effects, size_t *cursor,
		  struct effect *effect_out);

#endif
