/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_dead_letters - I6 (DESIGN.md 5): an event was applied, or is an open
 * dead letter, never both and never neither. So inbox rows that say "dead" and
 * open letters with an event id come in pairs; each side is read page by page
 * and its page looked up on the other.
 */
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/commit/schema.h"
#include "gateway/commit/verify.h"

#define VERIFY_PAGE 500

struct verify_pair {
	struct gantry_value key;
	char other[16];			/* state on the other side; "": none */
};

struct verify_side {
	const char *invariant_row;	/* "inbox", "dead_letters" */
	unsigned table;			/* that is scanned */
	unsigned key_column, state_column;
	const char *state;		/* of rows that count */
	unsigned nonnull_column;	/* and that have this */
	unsigned other_table, other_state_column;
	const char *wanted;		/* there */
	const char *none, *wrong;	/* what is told */
};

struct verify_letters {
	const struct query_store *store;
	void (*found)(void *ctx, const char *invariant, const char *row,
		      const char *what);
	void *ctx;
	const struct verify_side *side;
	struct arena arena;
	struct verify_pair pairs[VERIFY_PAGE];
	size_t n, rows;
	struct gantry_value last_ref;
};

static const struct verify_side verify_sides[] = {
	{ "inbox", COMMIT_INBOX, INBOX_KEY, INBOX_STATE, "dead",
	  INBOX_KEY, COMMIT_DEAD_LETTERS, DEAD_LETTERS_STATE, "open",
	  "dead, but there is no dead letter of it",
	  "dead, but its dead letter is " },
	{ "dead_letters", COMMIT_DEAD_LETTERS, DEAD_LETTERS_KEY,
	  DEAD_LETTERS_STATE, "open", DEAD_LETTERS_EVENT_ID, COMMIT_INBOX,
	  INBOX_STATE, "dead", "open, but the inbox does not know it",
	  "open, but the inbox says " },
};

static bool verify_is(const struct gantry_value *value, const char *text)
{
	return value->kind == GANTRY_STRING && value->len == strlen(text) &&
	       memcmp(value->is.text, text, value->len) == 0;
}

static int verify_row(void *context, size_t key, const struct gantry_value *values)
{
	struct verify_letters *v = context;
	const struct verify_side *side = v->side;
	struct verify_pair *pair = &v->pairs[v->n];

	(void)key;
	v->rows++;
	v->last_ref = values[0];
	if (!verify_is(&values[side->state_column], side->state) ||
	    values[side->nonnull_column].kind == GANTRY_NULL)
		return 0;
	*pair = (struct verify_pair){ .key = values[side->key_column] };
	pair->key.is.text = arena_text_n(&v->arena, pair->key.is.text, pair->key.len);
	v->n++;
	return 0;
}

static int verify_other(void *context, size_t key, const struct gantry_value *values)
{
	struct verify_letters *v = context;
	const struct gantry_value *state = &values[v->side->other_state_column];
	struct verify_pair *pair = &v->pairs[key];
	size_t len = state->len < sizeof(pair->other) ? state->len :
							sizeof(pair->other) - 1;

	memcpy(pair->other, state->is.text, len);
	return 0;
}

static void verify_tell(struct verify_letters *v)
{
	const struct verify_side *side = v->side;

	for (size_t i = 0; i < v->n; i++) {
		const struct verify_pair *pair = &v->pairs[i];
		AUTO_FREE char *row = memory_format("%s %.*s", side->invariant_row,
						    (int)pair->key.len,
						    pair->key.is.text);
		AUTO_FREE char *what = memory_text(side->none);

		if (strcmp(pair->other, side->wanted) == 0)
			continue;
		if (*pair->other != '\0') {
			free(what);
			what = memory_format("%s%s", side->wrong, pair->other);
		}
		v->found(v->ctx, "I6", row, what);
	}
}

/* The page's keys on the other side, in one go. */
static int verify_pairs(struct verify_letters *v, struct gantry_error *err)
{
	struct gantry_sink sink = { verify_other, v };
	const struct gantry_key *keys[VERIFY_PAGE];
	struct gantry_key key[VERIFY_PAGE];

	if (v->n == 0)
		return 0;
	for (size_t i = 0; i < v->n; i++) {
		key[i] = (struct gantry_key){ .size = sizeof(key[i]),
					      .table = v->side->other_table, .n = 1,
					      .values = &v->pairs[i].key };
		keys[i] = &key[i];
	}
	if (v->store->storage->read(v->store->self, keys, v->n, &sink, err) !=
	    GANTRY_STORED)
		return -1;
	verify_tell(v);
	return 0;
}

static int verify_side(struct verify_letters *v, struct gantry_error *err)
{
	struct gantry_sink sink = { verify_row, v };
	struct gantry_range range = { .size = sizeof(range), .table = v->side->table,
				      .index = GANTRY_BY_REF,
				      .limit = VERIFY_PAGE };

	do {
		arena_reset(&v->arena);
		v->n = v->rows = 0;
		if (v->store->storage->scan(v->store->self, &range, &sink, err) !=
		    GANTRY_STORED || verify_pairs(v, err) < 0)
			return -1;
		range.from = &v->last_ref;
		range.n_from = 1;
		range.from_after = true;
	} while (v->rows == VERIFY_PAGE);
	return 0;
}

int verify_dead_letters(const struct query_store *store,
			void (*found)(void *ctx, const char *invariant,
				      const char *row, const char *what),
			void *ctx, struct gantry_error *err)
{
	struct verify_letters *v = memory_new(sizeof(*v));
	int done = 0;

	v->store = store;
	v->found = found;
	v->ctx = ctx;
	for (size_t i = 0; i < ARRAY_LENGTH(verify_sides) && done == 0; i++) {
		v->side = &verify_sides[i];
		done = verify_side(v, err);
	}
	arena_fini(&v->arena);
	free(v);
	return done;
}
