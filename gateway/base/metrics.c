/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - see metrics.h. */
#include "gateway/base/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/exposition.h"
#include "gateway/base/memory.h"

#define METRICS_MAX_SHARDS 64
#define METRICS_LINE 64			/* bytes of a cache line */

/* The texts of a label whose values come; only ever one more. */
struct metrics_texts {
	const struct metrics_label *label;
	_Atomic unsigned n;
	char **texts;			/* room of them; [i] stands once n > i */
};

/* Where a family's cells are: a series has width of them, the buckets and the
   sum of a histogram, or one. */
struct metrics_place {
	unsigned first, width;
	unsigned sizes[METRICS_LABELS];
};

struct metrics {
	const struct metrics_family *families;
	struct metrics_place *places;
	unsigned n_families;
	struct metrics_texts *texts;
	unsigned n_texts;
	unsigned n_shards;
	size_t stride;			/* cells of a shard */
	_Atomic uint64_t *cells;	/* at the beginning of a cache line */
	void *memory;			/* what they lie in */
	pthread_mutex_t lock;		/* of adding texts; taken alone */
};

static unsigned metrics_known(const struct metrics_label *label)
{
	unsigned n = 0;

	while (label->values[n] != NULL)
		n++;
	return n;
}

/* With "other", which is the last. */
static unsigned metrics_size(const struct metrics_label *label)
{
	return label == NULL ? 1 :
	       label->values != NULL ? metrics_known(label) : label->room + 1;
}

static struct metrics_texts *metrics_texts(const struct metrics *m,
					   const struct metrics_label *label)
{
	for (unsigned i = 0; i < m->n_texts; i++)
		if (m->texts[i].label == label)
			return &m->texts[i];
	return NULL;
}

static void metrics_add_label(struct metrics *m, const struct metrics_label *label)
{
	if (label == NULL || label->values != NULL || metrics_texts(m, label) != NULL)
		return;
	m->texts = memory_grow(m->texts, m->n_texts + 1, sizeof(*m->texts));
	m->texts[m->n_texts].label = label;
	atomic_init(&m->texts[m->n_texts].n, 0);
	m->texts[m->n_texts++].texts = memory_new_array(label->room, sizeof(char *));
}

static size_t metrics_lay_out(struct metrics *m)
{
	size_t cells = 0;

	for (unsigned i = 0; i < m->n_families; i++) {
		const struct metrics_family *f = &m->families[i];
		struct metrics_place *place = &m->places[i];
		size_t series = 1;

		assert(f->n_bounds <= METRICS_BOUNDS);
		place->first = (unsigned)cells;
		place->width = f->n_bounds > 0 ? f->n_bounds + 2 : 1;
		for (unsigned k = 0; k < METRICS_LABELS; k++) {
			place->sizes[k] = metrics_size(f->labels[k]);
			series *= place->sizes[k];
			metrics_add_label(m, f->labels[k]);
		}
		cells += series * place->width;
	}
	return cells;
}

/* Zeroed pages that nobody touches cost nothing. */
static void metrics_make_cells(struct metrics *m, size_t cells)
{
	const size_t line = METRICS_LINE / sizeof(uint64_t);
	long cores = sysconf(_SC_NPROCESSORS_CONF);

	m->n_shards = cores < 1 ? 1 : cores > METRICS_MAX_SHARDS ?
		      METRICS_MAX_SHARDS : (unsigned)cores;
	m->stride = (cells + line - 1) / line * line;
	m->memory = memory_new_array(m->n_shards * m->stride + line, sizeof(uint64_t));
	m->cells = (void *)(((uintptr_t)m->memory + METRICS_LINE - 1) /
			    METRICS_LINE * METRICS_LINE);
}

struct metrics *metrics_new(const struct metrics_family *families, unsigned n)
{
	struct metrics *m = memory_new(sizeof(*m));

	m->families = families;
	m->n_families = n;
	m->places = memory_new_array(n, sizeof(*m->places));
	pthread_mutex_init(&m->lock, NULL);
	metrics_make_cells(m, metrics_lay_out(m));
	return m;
}

void metrics_free(struct metrics **metrics)
{
	struct metrics *m = *metrics;

	if (m == NULL)
		return;
	for (unsigned i = 0; i < m->n_texts; i++) {
		for (unsigned k = 0; k < atomic_load(&m->texts[i].n); k++)
			free(m->texts[i].texts[k]);
		free(m->texts[i].texts);
	}
	pthread_mutex_destroy(&m->lock);
	free(m->texts);
	free(m->places);
	free(m->memory);
	free(m);
	*metrics = NULL;
}

/* The number of text from there on, or n. */
static unsigned metrics_look(const struct metrics_texts *t, unsigned from, unsigned n,
			     const char *text)
{
	while (from < n && strcmp(t->texts[from], text) != 0)
		from++;
	return from;
}

unsigned metrics_value(struct metrics *m, const struct metrics_label *label,
		       const char *text)
{
	struct metrics_texts *t;
	unsigned n, at;

	if (m == NULL)
		return 0;
	t = metrics_texts(m, label);
	assert(t != NULL);
	if (text == NULL)
		return label->room;
	n = atomic_load_explicit(&t->n, memory_order_acquire);
	at = metrics_look(t, 0, n, text);
	if (at < n || n == label->room)
		return at;
	pthread_mutex_lock(&m->lock);
	n = atomic_load(&t->n);
	at = metrics_look(t, at, n, text);
	if (at == n && n < label->room) {
		t->texts[n] = memory_text(text);
		atomic_store_explicit(&t->n, n + 1, memory_order_release);
	}
	pthread_mutex_unlock(&m->lock);
	return at;
}

static size_t metrics_cell(const struct metrics *m, unsigned family, unsigned a,
			   unsigned b)
{
	const struct metrics_place *place = &m->places[family];

	assert(family < m->n_families && a < place->sizes[0] && b < place->sizes[1]);
	return place->first + ((size_t)a * place->sizes[1] + b) * place->width;
}

static _Atomic uint64_t *metrics_shard(struct metrics *m)
{
	int cpu = sched_getcpu();

	return m->cells + (cpu < 0 ? 0 : (unsigned)cpu % m->n_shards) * m->stride;
}

void metrics_add(struct metrics *m, unsigned family, unsigned a, unsigned b, uint64_t n)
{
	if (m == NULL)
		return;
	assert(m->families[family].n_bounds == 0);
	atomic_fetch_add_explicit(metrics_shard(m) + metrics_cell(m, family, a, b), n,
				  memory_order_relaxed);
}

void metrics_observe(struct metrics *m, unsigned family, unsigned a, unsigned b,
		     uint64_t value)
{
	const struct metrics_family *f;
	_Atomic uint64_t *cell;
	unsigned bucket = 0;

	if (m == NULL)
		return;
	f = &m->families[family];
	assert(f->n_bounds > 0);
	while (bucket < f->n_bounds && value > f->bounds[bucket])
		bucket++;
	cell = metrics_shard(m) + metrics_cell(m, family, a, b);
	atomic_fetch_add_explicit(cell + bucket, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(cell + f->n_bounds + 1, value, memory_order_relaxed);
}

void metrics_observe_since(struct metrics *m, unsigned family, unsigned a, unsigned b,
			   int64_t began_ns)
{
	int64_t ns;

	if (m == NULL)
		return;
	ns = clock_steady_ns() - began_ns;
	metrics_observe(m, family, a, b, ns > 0 ? (uint64_t)ns : 0);
}

static uint64_t metrics_sum(const struct metrics *m, size_t cell)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->n_shards; i++)
		sum += atomic_load_explicit(&m->cells[i * m->stride + cell],
					    memory_order_relaxed);
	return sum;
}

uint64_t metrics_count(const struct metrics *m, unsigned family, unsigned a, unsigned b)
{
	const struct metrics_place *place = &m->places[family];
	size_t cell = metrics_cell(m, family, a, b);
	uint64_t n = 0;

	for (unsigned i = 0; i < place->width - (place->width > 1); i++)
		n += metrics_sum(m, cell + i);
	return n;
}

/* A series on its way to the page: its labels, and room for one more. */
struct metrics_series {
	const struct metrics_family *family;
	struct exposition_label labels[METRICS_LABELS + 1];
	size_t cell;
	bool known;			/* it is written without a count, too */
};

static void metrics_write_counter(const struct metrics *m, struct exposition *x,
				  const struct metrics_series *s)
{
	uint64_t n = metrics_sum(m, s->cell);

	if (n > 0 || s->known)
		exposition_sample(x, "", s->labels, METRICS_LABELS, n,
				  s->family->decimals);
}

static void metrics_write_histogram(const struct metrics *m, struct exposition *x,
				    struct metrics_series *s)
{
	const struct metrics_family *f = s->family;
	struct exposition_label *le = &s->labels[METRICS_LABELS];
	uint64_t counts[METRICS_BOUNDS + 1], n = 0;
	char text[EXPOSITION_DECIMAL];

	/* the sum first: what is counted in between is missing in it, not in n */
	uint64_t sum = metrics_sum(m, s->cell + f->n_bounds + 1);

	for (unsigned i = 0; i <= f->n_bounds; i++)
		counts[i] = n += metrics_sum(m, s->cell + i);
	if (n == 0 && !s->known)
		return;
	*le = (struct exposition_label){ "le", text };
	for (unsigned i = 0; i < f->n_bounds; i++) {
		exposition_decimal(text, f->bounds[i], f->decimals);
		exposition_sample(x, "_bucket", s->labels, METRICS_LABELS + 1, counts[i], 0);
	}
	le->value = "+Inf";
	exposition_sample(x, "_bucket", s->labels, METRICS_LABELS + 1, n, 0);
	exposition_sample(x, "_sum", s->labels, METRICS_LABELS, sum, f->decimals);
	exposition_sample(x, "_count", s->labels, METRICS_LABELS, n, 0);
}

/* Value number i of a label, or NULL: nothing has come that has this number. */
static const char *metrics_text(const struct metrics *m, const struct metrics_label *label,
				unsigned i)
{
	const struct metrics_texts *t;

	if (label == NULL)
		return "";
	if (label->values != NULL)
		return label->values[i][0] != '\0' ? label->values[i] : NULL;
	t = metrics_texts(m, label);
	if (i == label->room)
		return "other";
	return i < atomic_load_explicit(&t->n, memory_order_acquire) ? t->texts[i] : NULL;
}

/* False: there is none with these values. */
static bool metrics_series(const struct metrics *m, unsigned family, unsigned a,
			   unsigned b, struct metrics_series *s)
{
	const struct metrics_family *f = &m->families[family];
	const unsigned numbers[METRICS_LABELS] = { a, b };

	*s = (struct metrics_series){ .family = f, .known = true,
				      .cell = metrics_cell(m, family, a, b) };
	for (unsigned k = 0; k < METRICS_LABELS; k++) {
		const struct metrics_label *label = f->labels[k];
		const char *text = metrics_text(m, label, numbers[k]);

		if (text == NULL)
			return false;
		if (label == NULL)
			continue;
		s->labels[k] = (struct exposition_label){ label->name, text };
		s->known &= label->values != NULL;
	}
	return true;
}

static void metrics_write_family(const struct metrics *m, unsigned family,
				 struct exposition *x)
{
	const struct metrics_place *place = &m->places[family];
	unsigned n = place->sizes[0] * place->sizes[1];
	struct metrics_series s;

	for (unsigned i = 0; i < n; i++) {
		if (!metrics_series(m, family, i / place->sizes[1], i % place->sizes[1], &s))
			continue;
		if (s.family->n_bounds > 0)
			metrics_write_histogram(m, x, &s);
		else
			metrics_write_counter(m, x, &s);
	}
}

void metrics_write(const struct metrics *m, struct exposition *x)
{
	for (unsigned i = 0; i < m->n_families; i++) {
		const struct metrics_family *f = &m->families[i];

		exposition_family(x, f->name, f->n_bounds > 0 ? EXPOSITION_HISTOGRAM :
				  EXPOSITION_COUNTER, f->help);
		metrics_write_family(m, i, x);
	}
}
