/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pg - see pg.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/plugins/pg.h"

int pg_server_new(void **state)
{
	struct server *s = memory_new(sizeof(*s));

	*state = s;
	if (server_start(s))
		return 0;
	print_message("1..0 # SKIP %s\n", s->answer);
	exit(77);
}

int pg_server_free(void **state)
{
	server_end(*state);
	free(*state);
	return 0;
}

void pg_conninfo(struct pg *p, const char *format, ...)
{
	va_list args;

	strcpy(p->option, "conninfo=");
	va_start(args, format);
	vsnprintf(p->option + 9, sizeof(p->option) - 9, format, args);
	va_end(args);
}

void pg_database(struct pg *p, const char *options)
{
	const char *said = server_do(p->server, "database %s", options), *name;
	const char *port;

	snprintf(p->conninfo, sizeof(p->conninfo), "%s", said);
	name = strstr(p->conninfo, "dbname=");
	assert_non_null(name);
	snprintf(p->database, sizeof(p->database), "%.*s",
		 (int)strcspn(name + 7, " "), name + 7);
	port = strstr(p->conninfo, "port=");
	assert_non_null(port);
	snprintf(p->where, sizeof(p->where), "postgres 127.0.0.1:%.*s/%s",
		 (int)strcspn(port + 5, " "), port + 5, p->database);
	pg_conninfo(p, "%s", p->conninfo);
}

int pg_new(void **state)
{
	struct pg *p = memory_new(sizeof(*p));

	p->server = *state;
	p->store.plugin = store_plugin("postgres");
	p->store.options = p->options;
	p->options[0] = p->option;
	p->ops = (struct conform_ops){
		.storage = p->store.plugin->storage, .context = &p->store,
		.open = store_open, .close = store_close,
		.keeps = true, .checks = true,
	};
	p->kit.ops = &p->ops;
	p->kit.st = p->ops.storage;
	*state = p;
	pg_database(p, "");
	return 0;
}

int pg_free(void **state)
{
	struct pg *p = *state;

	kit_close(&p->kit);
	arena_fini(&p->kit.arena);
	error_fini(&p->kit.err);
	free(p);
	return 0;
}

void pg_through_proxy(struct pg *p)
{
	pg_conninfo(p, "host=127.0.0.1 port=%s dbname=%s user=gantry",
		    server_do(p->server, "proxy"), p->database);
}

const char *pg_sql(struct pg *p, const char *sql)
{
	return server_do(p->server, "sql %s %s", p->database, sql);
}

void pg_open(struct pg *p)
{
	if (kit_open(&p->kit, &kit_schema_old) < 0)
		fail_msg("%s", p->kit.seen);
}

void pg_refused(struct pg *p, const struct gantry_schema *schema,
		const char *wanted)
{
	struct gantry_error err = ERROR_INIT;
	enum gantry_stored stored = GANTRY_BROKEN;
	size_t len = strlen(p->where);
	void *self;

	if (store_open(&p->store, &self, &err) == 0) {
		stored = p->kit.st->prepare(self, schema, GANTRY_PREPARE_SERVE,
					    &err);
		store_close(&p->store, self);
	}
	if (stored == GANTRY_STORED || strncmp(err.message, p->where, len) != 0 ||
	    strcmp(err.message + len, wanted) != 0)
		fail_msg("answer %d, \"%s\", not \"%s%s\"", stored, err.message,
			 p->where, wanted);
	error_fini(&err);
}

static enum gantry_stored pg_store(struct pg *p, int64_t ref, void **unit_out)
{
	const struct gantry_storage *st = p->kit.st;
	char name[32];
	struct gantry_value v[KIT_COLUMNS] = { kit_number(ref), kit_number(1) };
	const struct gantry_key key = kit_key(HOLDERS, GANTRY_BY_REF, 1, v);
	const struct gantry_key *const keys[] = { &key };
	struct kit_rows rows = { .kit = &p->kit,
				 .table = kit_schema_old.tables[HOLDERS] };
	const struct gantry_sink sink = kit_sink(&rows);
	const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);
	const struct gantry_change *const changes[] = { &c };
	enum gantry_stored stored;
	int64_t now;

	snprintf(name, sizeof(name), "holder %lld", (long long)ref);
	v[NAME] = kit_text(name);
	stored = st->begin(p->kit.self, 0, unit_out, &p->kit.err);
	if (stored != GANTRY_STORED) {
		*unit_out = NULL;
		return stored;
	}
	stored = st->load(*unit_out, NULL, 0, keys, 1, &sink, &now, &p->kit.err);
	if (stored == GANTRY_STORED)
		stored = st->store(*unit_out, changes, 1, &p->kit.err);
	return stored;
}

void *pg_begun(struct pg *p, int64_t ref)
{
	void *unit;

	if (pg_store(p, ref, &unit) != GANTRY_STORED)
		fail_msg("%s", p->kit.err.message);
	return unit;
}

enum gantry_stored pg_holder(struct pg *p, int64_t ref)
{
	void *unit;
	enum gantry_stored stored = pg_store(p, ref, &unit);

	if (stored == GANTRY_STORED)
		return p->kit.st->commit(unit, &p->kit.err);
	if (unit != NULL)
		p->kit.st->rollback(unit);
	return stored;
}
