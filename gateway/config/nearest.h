/* SPDX-License-Identifier: Apache-2.0 */
/* nearest - which known name was meant by a wrong one. */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

struct arena;

struct nearest {
	const char *wrong;
	const char *best;	/* or NULL */
	unsigned distance;
};

/* Offer a known name; NULL is none. */
void nearest_try(struct nearest *n, const char *name);
/* ` (did you mean "path"?)`, or "" if nothing is near. In arena. */
const char *nearest_hint(const struct nearest *n, struct arena *arena);

#endif
