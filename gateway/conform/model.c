/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model - a check by chance: units of all sorts, many of which collide, beside
 * a model of what the rows are then. Each answer and each row that is read must
 * be the model's. The seed repeats it.
 *
 * What the contract leaves open is not done: two changes in one unit of columns
 * of a unique index, and rows that refer to nothing.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/conform/kit.h"

enum { ROOM = 600, UNITS = 150, MOST = 6, NAMES = 40, NUMBERS = 5, READS = 4 };

struct model_row {
	unsigned table;
	bool there;
	bool touched;			/* by the unit in hand */
	struct gantry_value values[KIT_COLUMNS];
};

struct model {
	struct model_row rows[ROOM];
	size_t n;
	struct gantry_value names[NAMES];
	int64_t numbers;		/* NUMBERS of them, of this run alone */
	struct arena texts;		/* lives as long as the model */
	unsigned unit;

	/* The unit in hand: the rows as they are to be. */
	struct model_row next[MOST];
	size_t places[MOST];		/* in rows */
	enum gantry_change_kind kinds[MOST];
	uint64_t masks[MOST];
	size_t n_next;
	unsigned answers;		/* bits of enum gantry_stored; 0: STORED */
	bool moved;			/* a change of a column of a unique index */
};

static const struct gantry_table *model_table(const struct kit *k, unsigned table)
{
	return k->schema->tables[table];
}

/* One that is free, more often than not. */
static struct gantry_value model_name(struct kit *k, const struct model *m)
{
	struct gantry_value name = m->names[kit_dice(k, NAMES)];
	bool taken = kit_dice(k, 6) != 0;

	for (unsigned tries = 0; tries < 4 && taken; tries++) {
		taken = false;
		for (size_t i = 0; i < m->n; i++)
			taken |= m->rows[i].table == HOLDERS && m->rows[i].there &&
				 kit_equal(&m->rows[i].values[NAME], &name);
		if (taken)
			name = m->names[kit_dice(k, NAMES)];
	}
	return name;
}

/* What a row of a table holds by chance; things need a holder that stays. */
static bool model_fill(struct kit *k, struct model *m, struct model_row *row)
{
	static const char *const kinds[] = { "a", "b", "ab" };
	struct gantry_value *v = row->values;
	struct model_row *holder;

	if (row->table == HOLDERS) {
		v[NAME] = model_name(k, m);
		v[NOTE] = kit_dice(k, 2) == 0 ? kit_null() :
			kit_text(kit_dice(k, 2) == 0 ? "" : "a note");
		v[NUMBER] = kit_dice(k, 3) == 0 ? kit_null() :
			kit_number(m->numbers + (int64_t)kit_dice(k, NUMBERS));
		return true;
	}
	if (m->n == 0)
		return false;
	holder = &m->rows[kit_dice(k, m->n)];
	if (holder->table != HOLDERS || !holder->there || holder->touched)
		return false;
	holder->touched = true;	/* so that it is not deleted by this unit */
	v[HOLDER] = holder->values[REF];
	v[KIND] = kit_text(kinds[kit_dice(k, ARRAY_LENGTH(kinds))]);
	v[LIVE] = kit_dice(k, 2) == 0 ? kit_null() : kit_number(1);
	return true;
}

static bool model_refers(const struct model *m, const struct model_row *holder)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->rows[i].table == THINGS && m->rows[i].there &&
		    kit_equal(&m->rows[i].values[HOLDER], &holder->values[REF]))
			return true;
	return false;
}

static void model_add(struct model *m, enum gantry_change_kind kind, size_t place,
		      const struct model_row *row, uint64_t mask)
{
	assert(m->n_next < MOST);
	m->kinds[m->n_next] = kind;
	m->places[m->n_next] = place;
	m->masks[m->n_next] = mask;
	m->next[m->n_next++] = *row;
}

/* A row whose ref is new, or that of one that is or was there. */
static void model_new(struct kit *k, struct model *m, unsigned table)
{
	struct model_row row = { .table = table, .there = true };
	size_t place = m->n;

	if (m->n == ROOM || !model_fill(k, m, &row))
		return;
	row.values[REF] = kit_number(kit_ref(k));
	row.values[VERSION] = kit_number(1);
	if (m->n > 0 && kit_dice(k, 10) == 0) {
		place = kit_dice(k, m->n);
		if (m->rows[place].table != table || m->rows[place].touched)
			return;
		row.values[REF] = m->rows[place].values[REF];
	} else {
		m->rows[m->n++] = (struct model_row){ .table = table,
						      .values = { row.values[REF] } };
	}
	m->rows[place].touched = true;
	model_add(m, GANTRY_NEW, place, &row, 0);
}

static bool model_in_unique(unsigned table, unsigned column)
{
	return table == HOLDERS ? column == NAME : column >= HOLDER;
}

static void model_change(struct kit *k, struct model *m, size_t place)
{
	struct model_row *old = &m->rows[place], row = *old, wish = *old;
	unsigned columns = model_table(k, old->table)->n_columns;
	uint64_t mask = 1 << VERSION;

	if (!model_fill(k, m, &wish))
		return;
	row.values[VERSION].is.number++;
	if (row.values[VERSION].kind != GANTRY_INT64)
		row.values[VERSION] = kit_number(1);
	for (unsigned i = 2; i < columns; i++) {
		if (kit_dice(k, 2) == 0 || (m->moved && model_in_unique(row.table, i)))
			continue;
		mask |= UINT64_C(1) << i;
		row.values[i] = wish.values[i];
	}
	for (unsigned i = 2; i < columns; i++)
		m->moved |= mask >> i & 1 && model_in_unique(row.table, i);
	old->touched = true;
	model_add(m, GANTRY_CHANGED, place, &row, mask);
}

static void model_gone(struct model *m, size_t place)
{
	struct model_row *row = &m->rows[place];

	if (row->table == HOLDERS && row->there && model_refers(m, row))
		return;
	row->touched = true;
	model_add(m, GANTRY_GONE, place, row, 0);
}

static void model_make(struct kit *k, struct model *m)
{
	size_t n = 1 + kit_dice(k, MOST - 1);

	m->n_next = 0;
	m->moved = false;
	for (size_t i = 0; i < m->n; i++)
		m->rows[i].touched = false;
	for (unsigned tries = 0; m->n_next < n && tries < 4 * MOST; tries++) {
		size_t place = m->n > 0 ? kit_dice(k, m->n) : 0;
		unsigned dice = (unsigned)kit_dice(k, 10);

		if (m->n == 0 || dice < 5)
			model_new(k, m, kit_dice(k, 2) == 0 ? HOLDERS : THINGS);
		else if (m->rows[place].touched ||
			 (!m->rows[place].there && kit_dice(k, 8) != 0))
			continue;
		else if (dice < 8)
			model_change(k, m, place);
		else
			model_gone(m, place);
	}
}

/* Whether another row that is there has the values of a unique index. */
static bool model_collides(const struct kit *k, const struct model *m, size_t place,
			   const struct gantry_value *values)
{
	unsigned table = m->rows[place].table;
	const struct gantry_index *index = model_table(k, table)->indexes[0];

	for (unsigned i = 0; i < index->n_columns; i++)
		if (values[index->columns[i]].kind == GANTRY_NULL)
			return false;
	for (size_t r = 0; r < m->n; r++) {
		bool equal = m->rows[r].table == table && m->rows[r].there && r != place;

		for (unsigned i = 0; i < index->n_columns && equal; i++)
			equal = kit_equal(&m->rows[r].values[index->columns[i]],
					  &values[index->columns[i]]);
		if (equal)
			return true;
	}
	return false;
}

/* GONE first, NEW last; what cannot be is left out, and said in answers. */
static void model_apply(const struct kit *k, struct model *m, enum gantry_change_kind kind)
{
	for (size_t i = 0; i < m->n_next; i++) {
		struct model_row *row = &m->rows[m->places[i]];

		if (m->kinds[i] != kind)
			continue;
		if (kind == GANTRY_GONE) {
			row->there = false;
			continue;
		}
		if (row->there == (kind == GANTRY_NEW)) {
			m->answers |= 1 << GANTRY_CONFLICT;
			continue;
		}
		if (model_collides(k, m, m->places[i], m->next[i].values)) {
			m->answers |= 1 << GANTRY_CONFLICT;
			m->answers |= kind == GANTRY_CHANGED ? 1 << GANTRY_REFUSED_ROW : 0;
			continue;
		}
		for (unsigned c = 0; c < model_table(k, row->table)->n_columns; c++)
			row->values[c] = m->next[i].values[c];
		row->there = true;
	}
}

static int model_differs(struct kit *k, const struct model *m, const char *what)
{
	return kit_fail(k, "unit %u of seed %" PRIu64 ": %s", m->unit, k->first_seed, what);
}

/* What stands outside of the mask must not matter. */
static const struct gantry_value *model_values(struct kit *k, const struct model *m, size_t i)
{
	const struct gantry_table *t = model_table(k, m->next[i].table);
	struct gantry_value *v = arena_zero(&k->arena, KIT_COLUMNS * sizeof(*v));

	for (unsigned c = 0; c < t->n_columns; c++) {
		bool in = m->kinds[i] == GANTRY_NEW || c == REF || m->masks[i] >> c & 1;

		v[c] = in ? m->next[i].values[c] :
		       t->columns[c]->kind == GANTRY_STRING ? kit_id(k, "outside") :
							      kit_number(77);
	}
	return v;
}

/* Sorted by table, as the core gives them. */
static size_t model_changes(struct kit *k, const struct model *m, struct gantry_change *c)
{
	size_t n = 0;

	for (unsigned table = HOLDERS; table <= THINGS; table++)
		for (size_t i = 0; i < m->n_next; i++)
			if (m->next[i].table == table)
				c[n++] = kit_change(m->kinds[i], table, model_values(k, m, i),
						    m->masks[i]);
	return n;
}

static int model_unit(struct kit *k, struct model *m)
{
	struct model_row *before = arena_alloc(&k->arena, sizeof(m->rows));
	struct gantry_change c[MOST];
	enum gantry_stored stored;
	bool kept = kit_dice(k, 7) != 0;
	size_t n;
	void *unit;

	model_make(k, m);
	n = model_changes(k, m, c);
	memcpy(before, m->rows, sizeof(m->rows));
	m->answers = 0;
	for (int kind = GANTRY_GONE; kind <= GANTRY_NEW; kind++)
		model_apply(k, m, (enum gantry_change_kind)kind);
	if (kit_want(k, kit_begin(k, &unit), GANTRY_STORED, "begin") < 0)
		return -1;
	if (kept) {
		stored = kit_end(k, unit, c, n);
	} else {
		stored = kit_store(k, unit, c, n);
		k->st->rollback(unit);
	}
	if (!kept || m->answers != 0)
		memcpy(m->rows, before, sizeof(m->rows));
	if (stored == GANTRY_STORED ? kept && m->answers != 0 :
				      (m->answers >> stored & 1) == 0)
		return model_differs(k, m, stored == GANTRY_STORED ?
			"STORED, where rows collide" : k->err.message[0] != '\0' ?
			k->err.message : "an answer without a message");
	return 0;
}

static bool model_found(const struct model *m, const struct gantry_key *key,
			const struct gantry_table *t, const struct model_row *row)
{
	const struct gantry_index *index =
		key->index == GANTRY_BY_REF ? NULL : t->indexes[key->index];

	if (row->table != key->table || !row->there)
		return false;
	for (unsigned i = 0; i < key->n; i++) {
		const struct gantry_value *v = &row->values[index != NULL ?
							    index->columns[i] : REF];
		bool found = false;

		if (v->kind == GANTRY_NULL)
			return false;
		for (size_t r = 0; i == 0 && key->via != NULL && r < m->n && !found; r++)
			found = m->rows[r].table == key->via->table && m->rows[r].there &&
				kit_equal(&m->rows[r].values[NAME], &key->via->values[0]) &&
				kit_equal(&m->rows[r].values[key->via_column], v);
		if (!(i == 0 && key->via != NULL ? found : kit_equal(v, &key->values[i])))
			return false;
	}
	return true;
}

/* A key by chance; only via a holder's name. */
static void model_key(struct kit *k, const struct model *m, struct gantry_key *key)
{
	struct gantry_value *v = arena_zero(&k->arena, 3 * sizeof(*v));
	struct gantry_key *via = arena_alloc(&k->arena, sizeof(*via));
	const struct model_row *row = &m->rows[kit_dice(k, m->n)];

	v[0] = row->values[REF];
	*key = kit_key(row->table, GANTRY_BY_REF, 1, v);
	if (row->table == HOLDERS && kit_dice(k, 2) == 0) {
		bool name = kit_dice(k, 2) == 0;

		v[0] = name ? m->names[kit_dice(k, NAMES)] :
			kit_number(m->numbers + (int64_t)kit_dice(k, NUMBERS));
		key->index = name ? HOLDERS_NAME : HOLDERS_NUMBER;
	} else if (row->table == THINGS && kit_dice(k, 3) > 0) {
		for (unsigned i = 0; i < 3; i++)
			v[i] = row->values[HOLDER + i];
		key->index = THINGS_LIVE;
		key->n = 1 + (unsigned)kit_dice(k, 3);
		*via = kit_key(HOLDERS, HOLDERS_NAME, 1, &m->names[kit_dice(k, NAMES)]);
		key->via = kit_dice(k, 2) == 0 ? via : NULL;
		if (v[0].kind == GANTRY_NULL)
			*key = kit_key(THINGS, GANTRY_BY_REF, 1, &row->values[REF]);
	}
}

/* Every row that should come, as it should be, and no other. */
static int model_read(struct kit *k, const struct model *m, const struct gantry_key *key,
		      const struct kit_rows *rows, size_t number)
{
	const struct gantry_table *t = model_table(k, key->table);

	for (size_t r = 0; r < m->n; r++) {
		const struct kit_row *got = NULL;

		for (size_t i = 0; i < rows->n && got == NULL; i++)
			if (rows->rows[i].key == number &&
			    m->rows[r].table == key->table &&
			    kit_equal(&rows->rows[i].values[REF], &m->rows[r].values[REF]))
				got = &rows->rows[i];
		if (model_found(m, key, t, &m->rows[r]) != (got != NULL))
			return model_differs(k, m, got != NULL ?
				"a row comes that a key should not find" :
				"a row does not come that a key should find");
		for (unsigned c = 0; got != NULL && c < t->n_columns; c++)
			if (!kit_equal(&got->values[c], &m->rows[r].values[c]))
				return model_differs(k, m, "a row is not as it was stored");
	}
	return 0;
}

static int model_reads(struct kit *k, const struct model *m)
{
	struct gantry_key keys[READS];
	const struct gantry_key *list[READS];
	const struct gantry_table *tables[READS];
	struct kit_rows rows = { .kit = k, .by_key = tables };
	const struct gantry_sink sink = kit_sink(&rows);

	if (m->n == 0)
		return 0;
	for (unsigned i = 0; i < READS; i++) {
		model_key(k, m, &keys[i]);
		list[i] = &keys[i];
		tables[i] = model_table(k, keys[i].table);
	}
	error_reset(&k->err);
	if (kit_want(k, k->st->read(k->self, list, READS, &sink, &k->err), GANTRY_STORED,
		     "read") < 0)
		return -1;
	for (unsigned i = 0; i < READS; i++)
		if (model_read(k, m, &keys[i], &rows, i) < 0)
			return -1;
	return 0;
}

static int model_run(struct kit *k, struct model *m)
{
	for (unsigned i = 0; i < NAMES; i++)
		m->names[i] = kit_text(arena_format(&m->texts, "model-%" PRId64, kit_ref(k)));
	m->numbers = kit_ref(k);
	k->last_ref += NUMBERS;
	for (m->unit = 0; m->unit < UNITS; m->unit++) {
		if (model_unit(k, m) < 0)
			return -1;
		for (unsigned i = 0; i < 2; i++)
			if (model_reads(k, m) < 0)
				return -1;
		arena_reset(&k->arena);
	}
	return 0;
}

static int model(struct kit *k)
{
	int failed = 0;

	for (unsigned i = 0; i < 2 * k->effort && failed == 0; i++) {
		struct model *m = memory_new(sizeof(*m));

		arena_init(&m->texts);
		failed = model_run(k, m);
		arena_fini(&m->texts);
		free(m);
	}
	return failed;
}

const struct kit_check kit_checks_model[] = {
	{ "model", model, 0 },
	{ NULL, NULL, 0 },
};
