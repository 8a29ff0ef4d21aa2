/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nearest - see nearest.h. Changes, insertions, removals and swaps of
 * neighbours are counted (optimal string alignment); a third of the letters
 * may differ. The begin of a longer name ("password" of "password_file") is
 * near too.
 */
#include "gateway/config/nearest.h"

#include <stddef.h>
#include <string.h>

#include "gateway/base/arena.h"

#define NEAREST_MAX 64

static unsigned nearest_min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned nearest_distance(const char *a, size_t n, const char *b,
				 size_t m)
{
	unsigned d[NEAREST_MAX + 1][NEAREST_MAX + 1];

	for (size_t i = 0; i <= n; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			unsigned other = a[i - 1] != b[j - 1];

			d[i][j] = nearest_min(nearest_min(d[i - 1][j],
							  d[i][j - 1]) + 1,
					      d[i - 1][j - 1] + other);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d[i][j] = nearest_min(d[i][j],
						      d[i - 2][j - 2] + 1);
		}
	}
	return d[n][m];
}

void nearest_try(struct nearest *n, const char *name)
{
	size_t wrong_len = strlen(n->wrong);
	size_t len = name == NULL ? 0 : strlen(name);
	unsigned distance, allowed = (unsigned)wrong_len / 3;

	if (len == 0 || len > NEAREST_MAX || wrong_len > NEAREST_MAX)
		return;
	if (allowed == 0)
		allowed = 1;
	distance = nearest_distance(n->wrong, wrong_len, name, len);
	if (wrong_len >= 3 && strncmp(n->wrong, name, wrong_len) == 0)
		distance = nearest_min(distance, allowed);
	if (distance > allowed || distance >= len ||
	    (n->best != NULL && distance >= n->distance))
		return;
	n->best = name;
	n->distance = distance;
}

const char *nearest_hint(const struct nearest *n, struct arena *arena)
{
	if (n->best == NULL)
		return "";
	return arena_format(arena, " (did you mean \"%s\"?)", n->best);
}
