/* SPDX-License-Identifier: Apache-2.0 */
/* problems - see problems.h. */
#include "gateway/config/problems.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>

void problems_fini(struct problems *p)
{
	arena_fini(&p->arena);
	*p = (struct problems){ 0 };
}

static struct problem *problems_new(struct problems *p)
{
	if (p->items == NULL)
		p->items = arena_zero(&p->arena,
				      PROBLEMS_MAX * sizeof(*p->items));
	if (p->n++ >= PROBLEMS_MAX)
		return NULL;
	p->items[p->n - 1].number = p->n;
	return &p->items[p->n - 1];
}

int problems_add(struct problems *p, const struct node *at, const char *format,
		 ...)
{
	struct problem *it = problems_new(p);
	va_list ap;

	if (it == NULL)
		return -1;
	va_start(ap, format);
	it->text = arena_vformat(&p->arena, format, ap);
	va_end(ap);
	it->order = UINT_MAX;
	if (at == NULL)
		return -1;
	it->order = at->file->order;
	it->line = at->line;
	it->column = at->column;
	it->text = arena_format(&p->arena, "%s: %s", node_place(at, &p->arena),
				it->text);
	return -1;
}

int problems_add_at(struct problems *p, const struct node_file *file,
		    const unsigned place[2], const char *format, ...)
{
	struct problem *it = problems_new(p);
	va_list ap;
	const char *text;

	if (it == NULL)
		return -1;
	va_start(ap, format);
	text = arena_vformat(&p->arena, format, ap);
	va_end(ap);
	it->order = file->order;
	it->line = place != NULL ? place[0] : 0;
	it->column = place != NULL ? place[1] : 0;
	if (place == NULL)
		it->text = arena_format(&p->arena, "%s: %s", file->name, text);
	else
		it->text = arena_format(&p->arena, "%s:%u:%u: %s", file->name,
					place[0], place[1], text);
	return -1;
}

static int problems_compare(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

const struct problem *problems_sorted(struct problems *p, unsigned *n_out)
{
	*n_out = p->n < PROBLEMS_MAX ? p->n : PROBLEMS_MAX;
	if (*n_out > 0)
		qsort(p->items, *n_out, sizeof(*p->items), problems_compare);
	return p->items;
}

void problems_print(struct problems *p, FILE *out)
{
	unsigned n;
	const struct problem *list = problems_sorted(p, &n);

	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s\n", list[i].text);
	if (p->n > n)
		fprintf(out, "and %u more\n", p->n - n);
}
