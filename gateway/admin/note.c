/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note - what an operator did in memory, a breaker held open or the level of the
 * log, goes into the audit by a message of its own. The log has it in any case: the
 * storage may be what is away.
 */
#include "gateway/admin/private.h"
#include "gateway/base/memory.h"

struct note {
	struct gantry_message m;
	struct message_note is;
};

static void note_written(struct gantry_message *m)
{
	struct note *note = m->home_data;

	message_fini(m);
	free(note);
}

static const struct message_home note_home = { note_written };

void admin_note(struct admin *admin, const struct admin_job *job, const char *action,
		const char *object, const char *result)
{
	struct note *note = memory_new(sizeof(*note));
	struct gantry_message *m = &note->m;
	struct arena *arena = &m->arena;

	message_init(m, GANTRY_SOURCE_ADMIN, &note_home);
	m->home_data = note;
	m->received_ms = job->m->received_ms;
	m->correlation_id = arena_text(arena, job->m->correlation_id);
	note->is = (struct message_note){ arena_text(arena, job->actor),
					  arena_text(arena, action),
					  arena_text(arena, object),
					  arena_text(arena, result) };
	m->note = &note->is;
	engine_submit(admin_options(admin)->engine, m);
}
