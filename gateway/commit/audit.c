/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - who did what to which dead letter, or by which action, and how it went
 * (D24, D36): a row in the unit that does it, so that neither is there without
 * the other. What is done in memory alone, a breaker held open, is noted after.
 */
#include <assert.h>

#include "gateway/base/utf8.h"
#include "gateway/commit/unit.h"

#define AUDIT_MAX_ACTOR 256
#define AUDIT_MAX_TEXT 1024

static const char *audit_action(const struct gantry_message *m)
{
	if (m->source == GANTRY_SOURCE_ADMIN)
		return m->route->action != NULL ? m->route->action : m->route->address;
	return m->discards != NULL ? "dead-letter discard" :
	       m->edited ? "dead-letter edit" : "dead-letter retry";
}

static void audit_row(struct unit *u, const struct message_note *n, const char *text)
{
	struct row *row = rowset_new(&u->rows, COMMIT_AUDIT,
				     ids_ref(&u->world->refs, u->now_ms));

	row_set_number(&u->rows, row, AUDIT_AT, u->now_ms);
	row_set_text(&u->rows, row, AUDIT_ACTOR,
		     utf8_clean(&u->arena, n->actor, AUDIT_MAX_ACTOR));
	row_set_text(&u->rows, row, AUDIT_ACTION, n->action);
	row_set_text(&u->rows, row, AUDIT_OBJECT, n->object);
	row_set_text(&u->rows, row, AUDIT_RESULT, n->result);
	row_set_text(&u->rows, row, AUDIT_TEXT,
		     utf8_clean(&u->arena, text, AUDIT_MAX_TEXT));
}

void audit_add(struct unit *u, const struct gantry_message *m,
	       const char *result, const char *text)
{
	assert(m->resolves != 0 || m->source == GANTRY_SOURCE_ADMIN);
	audit_row(u, &(struct message_note){
		.actor = m->actor != NULL ? m->actor : "gantry",
		.action = audit_action(m),
		.object = m->resolves == 0 ? arena_format(&u->arena, "action %s", m->id) :
			  arena_format(&u->arena, "dead-letter %lld",
				       (long long)m->resolves),
		.result = result }, text);
}

void audit_note(struct unit *u, const struct message_note *note)
{
	audit_row(u, note, NULL);
}
