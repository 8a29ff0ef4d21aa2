/* SPDX-License-Identifier: Apache-2.0 */
/*
 * letters - dead letters as they are read: by the admin API, by the commands
 * that look into a storage, and from an export. What changes them is
 * dead_letter.c's.
 */
#ifndef COMMIT_LETTERS_H
#define COMMIT_LETTERS_H

#include "gateway/pipeline/message.h"
#include "gateway/stock/query.h"

#define LETTERS_MAX_PAGE 1000
#define LETTERS_MAX_GROUPS 1000

/* Texts live in the arena that was given; NULL where nothing is known. */
struct letter {
	int64_t ref;
	const char *state;		/* open, applied, refused, discarded */
	const char *queue, *event_id, *exchange, *routing_key;
	const char *cause, *text, *handler;
	int64_t attempts;
	const char *headers;		/* JSON object as text */
	const char *content_type, *correlation_id, *traceparent;
	const char *form, *body;	/* "text" or "base64", and how it is kept */
	size_t body_len;
	const char *original_form, *original;	/* before it was edited */
	int64_t died_at, created_at, closed_at;	/* ms; closed_at 0: open */
};

/* Which open letters; NULL: all. */
struct letters_query {
	const char *cause, *queue;
	const char *after;		/* what next said, or NULL */
	unsigned limit;			/* 1 .. LETTERS_MAX_PAGE */
	bool whole;			/* with headers, body and original */
};

struct letters_page {
	struct letter *list;		/* by cause, then by age */
	unsigned n;
	const char *next;		/* NULL: this is the last one. A page may
					   be shorter than limit and not the last */
};

/* One letter, open or not: 1 found, 0 not there, -1 with err. */
int letters_find(const struct query_store *store, int64_t ref, struct arena *arena,
		 struct letter *out, struct gantry_error *err);
/* 0, or -1 with err; a bad after has the code VALIDATION_ERROR. */
int letters_read(const struct query_store *store, const struct letters_query *query,
		 struct arena *arena, struct letters_page *out,
		 struct gantry_error *err);
/*
 * All open letters by cause and queue: an array of {cause, queue, count,
 * oldest, newest}, most of them first; to be freed. NULL with err.
 */
json_t *letters_groups(const struct query_store *store, struct gantry_error *err);

/* As the API shows it; to be freed. whole: with headers, body and original. */
json_t *letter_tree(const struct letter *letter, bool whole);
/* Back from a whole tree, whose texts it borrows; -1 with err. */
int letter_from_tree(const json_t *tree, struct arena *arena, struct letter *out,
		     struct gantry_error *err);

/*
 * Fill in a message as its delivery would be: ids, trace, path, headers, body,
 * all copied into the message's arena. Not its route. 0, or -1 with err if
 * the body cannot be read.
 */
int letter_message(const struct letter *letter, struct gantry_message *m,
		   struct gantry_error *err);
/* The amqp route of its queue, the one whose binding fits first; or NULL. */
const struct route *letter_route(const struct letter *letter,
				 const struct graph *graph);

#endif
