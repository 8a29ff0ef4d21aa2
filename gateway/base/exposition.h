/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposition - the text format that Prometheus reads (version 0.0.4), into an
 * arena: families one after the other, each with its samples behind it.
 *
 * Knows the form alone: who counts what is the callers' matter. Cannot fail.
 * Texts that are given need to live for the call only, but for the name of a
 * family: until the next one begins.
 */
#ifndef BASE_EXPOSITION_H
#define BASE_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>

struct arena;

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum exposition_kind { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

struct exposition_label {
	const char *name, *value;
};

struct exposition {
	struct arena *arena;
	char *text;
	size_t len, room;
	const char *family;
};

void exposition_init(struct exposition *x, struct arena *arena);
/* help: one line, a sentence. */
void exposition_family(struct exposition *x, const char *name,
		       enum exposition_kind kind, const char *help);

/*
 * A sample of the family: suffix "" or "_bucket", "_sum", "_count"; labels with
 * a name of NULL are left out. The value is number / 10^decimals, exactly.
 */
void exposition_sample(struct exposition *x, const char *suffix,
		       const struct exposition_label *labels, unsigned n_labels,
		       uint64_t number, unsigned decimals);

/* A family of one sample without labels. */
void exposition_gauge(struct exposition *x, const char *name, const char *help,
		      uint64_t number, unsigned decimals);
void exposition_counter(struct exposition *x, const char *name, const char *help,
			uint64_t number, unsigned decimals);

#define EXPOSITION_DECIMAL 32
/* "0.25" for 25 and 2: no zeros at the end. text has EXPOSITION_DECIMAL bytes. */
size_t exposition_decimal(char *text, uint64_t number, unsigned decimals);

/* Ended by NUL; lives as long as the arena. */
const char *exposition_done(struct exposition *x, size_t *len_out);

#endif
