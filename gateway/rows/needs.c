/* SPDX-License-Identifier: Apache-2.0 */
/* needs - see needs.h. Keys are told apart by their content, via and all. */
#include "gateway/rows/needs.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/memory.h"
#include "gateway/rows/set.h"

#define NEEDS_VALUES 4u
#define NEEDS_DEPTH 2u
#define NEEDS_ROOM 64u

struct needs_list {
	const struct gantry_key **keys;
	size_t n, room;
};

struct needs_slot {
	const struct gantry_key *key;	/* NULL: free */
	uint64_t hash;
	bool locked;
};

/* Open addressing, at most half full. */
struct needs_seen {
	struct needs_slot *slots;
	size_t n, room;
};

void needs_init(struct needs *needs, const struct gantry_schema *schema)
{
	*needs = (struct needs){ .schema = schema };
	needs->locks = memory_new_array(schema->n_tables, sizeof(*needs->locks));
	needs->reads = memory_new(sizeof(*needs->reads));
	needs->seen = memory_new(sizeof(*needs->seen));
	needs->seen->room = NEEDS_ROOM;
	needs->seen->slots = memory_new_array(NEEDS_ROOM,
					      sizeof(*needs->seen->slots));
}

void needs_fini(struct needs *needs)
{
	if (needs->schema == NULL)
		return;
	for (unsigned i = 0; i < needs->schema->n_tables; i++)
		free(needs->locks[i].keys);
	free(needs->locks);
	free(needs->reads->keys);
	free(needs->reads);
	free(needs->seen->slots);
	free(needs->seen);
	arena_fini(&needs->arena);
	*needs = (struct needs){ 0 };
}

void needs_reset(struct needs *needs)
{
	for (unsigned i = 0; i < needs->schema->n_tables; i++)
		needs->locks[i].n = 0;
	needs->reads->n = 0;
	if (needs->seen->n > 0)
		memset(needs->seen->slots, 0,
		       needs->seen->room * sizeof(*needs->seen->slots));
	needs->seen->n = 0;
	arena_reset(&needs->arena);
}

static uint64_t needs_hash_value(const struct gantry_value *value)
{
	if (value->kind == GANTRY_INT64)
		return hash_number((uint64_t)value->is.number);
	if (value->kind == GANTRY_STRING)
		return hash_bytes(value->is.text, value->len);
	return 0;
}

/* With via the first value is not looked at. */
static unsigned needs_first(const struct gantry_key *key)
{
	return key->via != NULL ? 1 : 0;
}

static uint64_t needs_hash(const struct gantry_key *key)
{
	uint64_t hash = hash_number((uint64_t)key->table << 40 ^
				    (uint64_t)key->index << 8 ^ key->n);

	for (unsigned i = needs_first(key); i < key->n; i++)
		hash = hash_number(hash * 31 + needs_hash_value(&key->values[i]));
	if (key->via != NULL)
		hash = hash_number(hash * 31 + needs_hash(key->via) +
				   key->via_column);
	return hash;
}

static bool needs_same(const struct gantry_key *a, const struct gantry_key *b)
{
	if (a->table != b->table || a->index != b->index || a->n != b->n ||
	    (a->via == NULL) != (b->via == NULL))
		return false;
	for (unsigned i = needs_first(a); i < a->n; i++)
		if (!value_equal(&a->values[i], &b->values[i]))
			return false;
	return a->via == NULL || (a->via_column == b->via_column &&
				  needs_same(a->via, b->via));
}

static const struct gantry_key *needs_copy(struct needs *needs,
					   const struct gantry_key *key,
					   unsigned depth)
{
	struct gantry_key *copy = arena_alloc(&needs->arena, sizeof(*copy));
	struct gantry_value *values;

	assert(key->n >= 1 && key->n <= NEEDS_VALUES && depth <= NEEDS_DEPTH);
	assert(key->table < needs->schema->n_tables);
	values = arena_zero(&needs->arena, key->n * sizeof(*values));
	for (unsigned i = needs_first(key); i < key->n; i++)
		values[i] = key->values[i];
	*copy = *key;
	copy->values = values;
	if (key->via != NULL)
		copy->via = needs_copy(needs, key->via, depth + 1);
	return copy;
}

static void needs_seen_grow(struct needs_seen *seen)
{
	struct needs_slot *old = seen->slots;
	size_t n = seen->room;

	seen->room *= 2;
	seen->slots = memory_new_array(seen->room, sizeof(*seen->slots));
	for (size_t i = 0; i < n; i++) {
		size_t at = old[i].hash & (seen->room - 1);

		if (old[i].key == NULL)
			continue;
		while (seen->slots[at].key != NULL)
			at = (at + 1) & (seen->room - 1);
		seen->slots[at] = old[i];
	}
	free(old);
}

/* The slot of this key, or the free one where it belongs. */
static struct needs_slot *needs_slot(struct needs_seen *seen,
				     const struct gantry_key *key, uint64_t hash)
{
	size_t at = hash & (seen->room - 1);

	while (seen->slots[at].key != NULL &&
	       (seen->slots[at].hash != hash ||
		!needs_same(seen->slots[at].key, key)))
		at = (at + 1) & (seen->room - 1);
	return &seen->slots[at];
}

static void needs_append(struct needs_list *list, const struct gantry_key *key)
{
	if (list->n == list->room) {
		list->room = list->room == 0 ? NEEDS_ROOM : list->room * 2;
		list->keys = memory_grow(list->keys, list->room,
					 sizeof(*list->keys));
	}
	list->keys[list->n++] = key;
}

/* A key that is locked is read as well; one that was only read may be locked
   later and then comes twice, which the sink bears. */
static void needs_add(struct needs *needs, const struct gantry_key *key,
		      bool lock)
{
	uint64_t hash = needs_hash(key);
	struct needs_slot *slot;

	if (needs->seen->n * 2 >= needs->seen->room)
		needs_seen_grow(needs->seen);
	slot = needs_slot(needs->seen, key, hash);
	if (slot->key != NULL && (slot->locked || !lock))
		return;
	if (slot->key == NULL) {
		slot->key = needs_copy(needs, key, 0);
		slot->hash = hash;
		needs->seen->n++;
	}
	slot->locked = lock;
	needs_append(lock ? &needs->locks[key->table] : needs->reads, slot->key);
}

void needs_lock(struct needs *needs, const struct gantry_key *key)
{
	needs_add(needs, key, true);
}

void needs_read(struct needs *needs, const struct gantry_key *key)
{
	needs_add(needs, key, false);
}

const struct gantry_key_set *const *needs_locks(struct needs *needs, size_t *n_out)
{
	struct gantry_key_set *sets, **array;
	unsigned tables = needs->schema->n_tables;
	size_t n = 0;

	sets = arena_alloc(&needs->arena, tables * sizeof(*sets));
	array = arena_alloc(&needs->arena, tables * sizeof(struct gantry_key_set *));
	for (unsigned i = 0; i < tables; i++) {
		if (needs->locks[i].n == 0)
			continue;
		sets[n] = (struct gantry_key_set){
			.size = sizeof(*sets),
			.keys = needs->locks[i].keys, .n = needs->locks[i].n,
		};
		array[n] = &sets[n];
		n++;
	}
	*n_out = n;
	return (const struct gantry_key_set *const *)array;
}

const struct gantry_key *const *needs_reads(struct needs *needs, size_t *n_out)
{
	*n_out = needs->reads->n;
	return needs->reads->keys;
}

const struct gantry_key *const *needs_keys(struct needs *needs, size_t *n_out)
{
	const struct gantry_key **keys;
	size_t n = needs->reads->n, at = 0;

	for (unsigned i = 0; i < needs->schema->n_tables; i++)
		n += needs->locks[i].n;
	keys = arena_alloc(&needs->arena, n * sizeof(*keys));
	for (unsigned i = 0; i <= needs->schema->n_tables; i++) {
		const struct needs_list *list = i < needs->schema->n_tables
			? &needs->locks[i] : needs->reads;

		if (list->n > 0)
			memcpy(&keys[at], list->keys, list->n * sizeof(*keys));
		at += list->n;
	}
	*n_out = n;
	return keys;
}
