/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - what handlers keep, and whether what a message read still stands.
 *
 * A move by this replica is no conflict but the order of arrival: it costs
 * the message another run and nothing else. So the versions that this replica
 * wrote are remembered, in a table that forgets when two keys share a place.
 */
#include <pthread.h>
#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/memory.h"
#include "gateway/commit/unit.h"
#include "gateway/pipeline/ask.h"

#define RECORD_PLACES 4096

struct record_place {
	uint64_t hash;
	int64_t version;
};

struct record_memory {
	pthread_mutex_t lock;	/* of places; taken last */
	struct record_place places[RECORD_PLACES];
};

struct record_memory *record_memory_new(void)
{
	struct record_memory *memory = memory_new(sizeof(*memory));

	pthread_mutex_init(&memory->lock, NULL);
	return memory;
}

void record_memory_free(struct record_memory **memory)
{
	if (*memory == NULL)
		return;
	pthread_mutex_destroy(&(*memory)->lock);
	free(*memory);
	*memory = NULL;
}

static const char *record_key(struct unit *u, const struct effect_record *record)
{
	return ask_record_key(&u->arena, record->instance, record->space, record->key);
}

static void record_need(struct unit *u, const char *key)
{
	struct gantry_value value = value_text(key);

	needs_lock(&u->needs, &(struct gantry_key){ .size = sizeof(struct gantry_key),
						    .table = COMMIT_RECORDS,
						    .n = 1,
						    .values = &value });
}

void record_needs(struct unit *u, struct gantry_message *m)
{
	struct effect e;
	size_t cursor = 0;

	for (struct message_ask *ask = m->asks; ask != NULL; ask = ask->next)
		if (ask->kind == ASK_RECORD)
			record_need(u, ask->record);
	if (m->effects.n_records == 0)
		return;
	while (effects_next(&m->effects, &cursor, &e))
		if (e.kind == EFFECT_RECORD)
			record_need(u, record_key(u, &e.as.record));
}

static struct row *record_find(struct unit *u, const char *key)
{
	struct gantry_value value = value_text(key);

	return rowset_find(&u->rows, COMMIT_RECORDS, 0, &value, 1);
}

static bool record_is_mine(struct unit *u, const char *key, int64_t version)
{
	struct record_memory *memory = u->world->records;
	uint64_t hash = hash_bytes(key, strlen(key));
	const struct record_place *place = &memory->places[hash % RECORD_PLACES];
	bool mine;

	pthread_mutex_lock(&memory->lock);
	mine = place->hash == hash && place->version == version;
	pthread_mutex_unlock(&memory->lock);
	return mine;
}

enum record_state record_check(struct unit *u, const struct gantry_message *m)
{
	enum record_state state = RECORD_SAME;

	for (struct message_ask *ask = m->asks; ask != NULL; ask = ask->next) {
		struct row *row;
		int64_t version;

		if (ask->kind != ASK_RECORD)
			continue;
		row = record_find(u, ask->record);
		version = row != NULL ? row_number(row, RECORDS_VERSION) : 0;
		if (version == ask->version)
			continue;
		if (!record_is_mine(u, ask->record, version))
			return RECORD_MOVED_ELSEWHERE;
		state = RECORD_MOVED_HERE;
	}
	return state;
}

static bool record_puts(const struct gantry_message *m, const char *key)
{
	struct arena arena = { 0 };
	struct effect e;
	size_t cursor = 0;
	bool puts = false;

	while (!puts && effects_next(&m->effects, &cursor, &e))
		puts = e.kind == EFFECT_RECORD &&
		       strcmp(key, ask_record_key(&arena, e.as.record.instance,
						  e.as.record.space,
						  e.as.record.key)) == 0;
	arena_fini(&arena);
	return puts;
}

bool record_waits(const struct unit_member *members, unsigned n,
		  const struct gantry_message *m)
{
	for (struct message_ask *ask = m->asks; ask != NULL; ask = ask->next) {
		if (ask->kind != ASK_RECORD)
			continue;
		for (unsigned i = 0; i < n; i++)
			if (members[i].m->effects.n_records > 0 &&
			    record_puts(members[i].m, ask->record))
				return true;
	}
	return false;
}

static void record_put(struct unit *u, const struct effect_record *record)
{
	const char *key = record_key(u, record);
	struct row *row = record_find(u, key);

	if (record->value == NULL) {
		if (row != NULL)
			rowset_remove(&u->rows, row);
		return;
	}
	if (row == NULL) {
		int64_t ref = ids_ref(&u->world->refs, u->now_ms);

		/* a record that was removed must not come back as it was */
		row = rowset_new_version(&u->rows, COMMIT_RECORDS, ref, ref);
		row_set_text(&u->rows, row, RECORDS_KEY, key);
	}
	row_set_text_n(&u->rows, row, RECORDS_VALUE, record->value, record->value_len);
	row_set_number(&u->rows, row, RECORDS_UPDATED_AT, u->now_ms);
}

void record_apply(struct unit *u, struct gantry_message *m)
{
	struct effect e;
	size_t cursor = 0;

	if (m->effects.n_records == 0)
		return;
	while (effects_next(&m->effects, &cursor, &e))
		if (e.kind == EFFECT_RECORD)
			record_put(u, &e.as.record);
}

void record_committed(struct unit *u)
{
	struct record_memory *memory = u->world->records;

	for (struct row *row = rowset_rows(&u->rows, COMMIT_RECORDS); row != NULL;
	     row = row->next) {
		const char *key = row_text(row, RECORDS_KEY);
		uint64_t hash;

		if (row->state == ROW_STORED || row->state == ROW_VOID || key == NULL)
			continue;
		hash = hash_bytes(key, strlen(key));
		pthread_mutex_lock(&memory->lock);
		memory->places[hash % RECORD_PLACES] = (struct record_place){
			hash, row->state == ROW_GONE ? 0 :
						       row_number(row, RECORDS_VERSION)
		};
		pthread_mutex_unlock(&memory->lock);
	}
}
