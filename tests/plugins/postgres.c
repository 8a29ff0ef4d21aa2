/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postgres - what the storage in PostgreSQL does beside the contract: commits
 * whose answer is lost, a server that goes and comes back, what it refuses to
 * work on, and that nothing makes its commits less durable.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "tests/plugins/pg.h"

static int64_t ms_since(int64_t began)
{
	return (clock_steady_ns() - began) / 1000000;
}

/* References are left to the core, and backups to pg_dump; all else is done. */
static bool kit_left_out(const char *report)
{
	const char *line = report;

	while ((line = strstr(line, "\nskipped ")) != NULL)
		if (strncmp(++line, "skipped row: reference: ", 24) != 0 &&
		    strncmp(line, "skipped backup: ", 16) != 0)
			return true;
	return false;
}

static void test_kit(void **state)
{
	struct pg *p = *state;
	char *report;
	size_t len;

	for (int run = 0; run < 2; run++) {	/* the second on used tables */
		FILE *f = open_memstream(&report, &len);
		int failures = conform_run(&p->ops, f);

		fclose(f);
		if (failures != 0 || kit_left_out(report))
			fputs(report, stderr);	/* too long for fail_msg() */
		assert_int_equal(failures, 0);
		assert_false(kit_left_out(report));
		free(report);
	}
}

/* --- a commit that knows --- */

static void test_commit_answer_is_lost(void **state)
{
	struct pg *p = *state;
	void *unit;

	pg_through_proxy(p);
	pg_open(p);
	for (int64_t ref = 1; ref <= 5; ref++) {
		unit = pg_begun(p, ref);
		server_do(p->server, "lose committed");
		assert_int_equal(p->kit.st->commit(unit, &p->kit.err), GANTRY_STORED);
		assert_int_equal(kit_count(&p->kit, HOLDERS, ref), 1);
	}
}

static void test_commit_is_lost(void **state)
{
	struct pg *p = *state;
	void *unit;

	pg_through_proxy(p);
	pg_open(p);
	for (int64_t ref = 1; ref <= 5; ref++) {
		unit = pg_begun(p, ref);
		server_do(p->server, "lose request");
		assert_int_equal(p->kit.st->commit(unit, &p->kit.err), GANTRY_AWAY);
		assert_int_equal(kit_count(&p->kit, HOLDERS, ref), 0);
		assert_int_equal(pg_holder(p, ref), GANTRY_STORED);
	}
}

struct late {
	struct pg *p;
	void *unit;
	enum gantry_stored said;
	int64_t took_ms;
	int done;
};

static void *late_commit(void *context)
{
	struct late *l = context;
	int64_t began = clock_steady_ns();

	l->said = l->p->kit.st->commit(l->unit, &l->p->kit.err);
	l->took_ms = ms_since(began);
	__atomic_store_n(&l->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * The server waits for a standby that does not come: it is not known, and
 * longer than any timeout, until the standby's place is taken away.
 */
static void commit_waits_for_standby(struct pg *p, bool cut)
{
	struct late l = { .p = p };
	pthread_t thread;

	p->options[1] = "statement_timeout=300";
	p->options[2] = "lock_timeout=200";
	pg_through_proxy(p);
	pg_open(p);
	l.unit = pg_begun(p, 1);
	server_do(p->server, "sql postgres alter system set "
		  "synchronous_standby_names = 'nobody'");
	server_do(p->server, "sql postgres select pg_reload_conf()");
	usleep(200000);
	assert_int_equal(pthread_create(&thread, NULL, late_commit, &l), 0);
	usleep(500000);
	if (cut)
		server_do(p->server, "cut");
	usleep(2500000);
	assert_int_equal(__atomic_load_n(&l.done, __ATOMIC_ACQUIRE), 0);
	server_do(p->server, "sql postgres alter system reset "
		  "synchronous_standby_names");
	server_do(p->server, "sql postgres select pg_reload_conf()");
	pthread_join(thread, NULL);
	assert_int_equal(l.said, GANTRY_STORED);
	assert_true(l.took_ms < 8000);
	assert_int_equal(kit_count(&p->kit, HOLDERS, 1), 1);
}

static void test_commit_waits_for_standby(void **state)
{
	commit_waits_for_standby(*state, false);
}

static void test_commit_waits_for_standby_cut(void **state)
{
	commit_waits_for_standby(*state, true);
}

/* The server dies in the middle, by chance before or after it committed. */
static void test_commit_and_kill(void **state)
{
	struct pg *p = *state;
	int lost = 0;

	pg_open(p);
	for (int64_t ref = 1; ref <= 6; ref++) {
		struct late l = { .p = p, .unit = pg_begun(p, ref) };
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, late_commit, &l), 0);
		usleep((useconds_t)(ref - 1) * 150);
		server_do(p->server, "kill");
		server_do(p->server, "start");
		pthread_join(thread, NULL);
		assert_true(l.said == GANTRY_STORED || l.said == GANTRY_AWAY);
		lost += l.said != GANTRY_STORED;
		for (int i = 0; i < 300 && kit_count(&p->kit, HOLDERS, ref) < 0; i++)
			usleep(10000);
		assert_int_equal(kit_count(&p->kit, HOLDERS, ref),
				 l.said == GANTRY_STORED);
	}
	print_message("# %d of 6 did not commit\n", lost);
}

/*
 * A server that crashed gives the number of a transaction of which nothing had
 * reached the disk to another one: that it committed says nothing about ours.
 */
static void number_is_given_again(struct pg *p, const char *go, const char *come)
{
	pg_open(p);
	for (int64_t ref = 1; ref <= 3; ref++) {
		void *unit = pg_begun(p, ref);

		server_do(p->server, "%s", go);
		if (come != NULL)
			server_do(p->server, "%s", come);
		for (int i = 0; i < 20; i++)
			pg_sql(p, "select pg_current_xact_id()");
		assert_int_equal(p->kit.st->commit(unit, &p->kit.err), GANTRY_AWAY);
		assert_int_equal(kit_count(&p->kit, HOLDERS, ref), 0);
		assert_int_equal(pg_holder(p, ref), GANTRY_STORED);
	}
}

static void test_number_after_kill(void **state)
{
	number_is_given_again(*state, "kill", "start");
}

static void test_number_after_stop(void **state)
{
	number_is_given_again(*state, "stop immediate", "start");
}

/* The server starts over by itself, in the same process. */
static void test_number_after_crash(void **state)
{
	number_is_given_again(*state, "crash", NULL);
}

/* --- a server that is away --- */

/* Until it answers STORED; how long that took. */
static int64_t pg_back(struct pg *p, int64_t ref)
{
	int64_t began = clock_steady_ns();

	while (pg_holder(p, ref) != GANTRY_STORED) {
		assert_true(ms_since(began) < 10000);
		usleep(5000);
	}
	return ms_since(began);
}

static void away(struct pg *p, const char *go, const char *come, int64_t within_ms)
{
	int64_t began, longest = 0;

	assert_int_equal(pg_holder(p, 1), GANTRY_STORED);
	server_do(p->server, "%s", go);
	for (int i = 0; i < 5; i++) {
		began = clock_steady_ns();
		assert_int_equal(pg_holder(p, 2), GANTRY_AWAY);
		if (ms_since(began) > longest)
			longest = ms_since(began);
		began = clock_steady_ns();
		assert_int_equal(kit_count(&p->kit, HOLDERS, 1), -1);
		if (ms_since(began) > longest)
			longest = ms_since(began);
	}
	server_do(p->server, "%s", come);
	began = pg_back(p, 3);
	print_message("# %s: away after %lld ms at most, back after %lld ms\n", go,
		      (long long)longest, (long long)began);
	assert_true(longest < within_ms);
	assert_true(began < 3000);
	assert_int_equal(kit_count(&p->kit, HOLDERS, 1), 1);
	assert_int_equal(kit_count(&p->kit, HOLDERS, 2), 0);
}

static void test_stopped(void **state)
{
	pg_open(*state);
	away(*state, "stop fast", "start", 1000);
}

static void test_stopped_at_once(void **state)
{
	pg_open(*state);
	away(*state, "stop immediate", "start", 1000);
}

static void test_held_up(void **state)
{
	struct pg *p = *state;

	p->options[1] = "statement_timeout=1000";
	p->options[2] = "lock_timeout=500";
	p->options[3] = "connect_timeout=1000";
	pg_through_proxy(p);
	pg_open(p);
	/* what was sent may take its timeout and a second */
	away(p, "hold", "release", 2000 + 1000);
}

/* With the options as they come, callers hear within two seconds. */
static void test_frozen(void **state)
{
	pg_open(*state);
	away(*state, "freeze", "thaw", 1900);
}

static void test_terminated(void **state)
{
	struct pg *p = *state;

	pg_open(p);
	for (int64_t ref = 1; ref <= 20; ref++) {
		server_do(p->server, "terminate 1 %s", p->database);
		assert_true(pg_back(p, ref) < 1000);
	}
	for (int64_t ref = 1; ref <= 20; ref++)
		assert_int_equal(kit_count(&p->kit, HOLDERS, ref), 1);
}

/* --- what it refuses --- */

static void test_other_encoding(void **state)
{
	struct pg *p = *state;

	pg_database(p, "encoding 'SQL_ASCII' locale 'C'");
	pg_refused(p, &kit_schema_old, ": the database has the encoding SQL_ASCII: "
		   "make one with \"createdb --template=template0 --encoding=UTF8\"");
}

/* Somebody else's tables are left alone. */
static void test_tables_of_something_else(void **state)
{
	struct pg *p = *state;

	pg_sql(p, "create schema gantry authorization gantry; "
		  "create table gantry.orders (id int)");
	pg_refused(p, &kit_schema_old, ": the schema gantry holds 1 tables of "
		   "something else: give this gantry a schema of its own");
	p->options[1] = "schema=mine";
	pg_open(p);
	assert_int_equal(pg_holder(p, 1), GANTRY_STORED);
	assert_string_equal(pg_sql(p, "select count(*) from mine.holders"), "1");
}

static void test_bytes_that_are_no_text(void **state)
{
	struct pg *p = *state;
	struct gantry_value v[KIT_COLUMNS] = { kit_number(1), kit_number(1),
					       kit_text("\xff\xfe") };
	const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);

	pg_open(p);
	assert_int_equal(kit_unit(&p->kit, &c, 1), GANTRY_REFUSED_ROW);
	v[NAME] = kit_text("\xc3\xa4");
	assert_int_equal(kit_unit(&p->kit, &c, 1), GANTRY_STORED);
}

static void test_other_schema(void **state)
{
	struct pg *p = *state;
	struct gantry_schema other = kit_schema_other;

	pg_open(p);
	kit_close(&p->kit);
	pg_refused(p, &other, ": holds schema 1.0, this gantry works on 2.x: run "
		   "\"gantry storage migrate\" with every gantry stopped");
	other.major = 0;
	pg_refused(p, &other, ": holds schema 1.0, this gantry works on 0.x: "
		   "install the newer gantry, or put an older backup in its place");
	other.name = "else";
	pg_refused(p, &other, ": the schema gantry holds the tables of \"conform\", "
		   "not of \"else\"");
	pg_open(p);		/* none of it did any harm */
}

/* --- who may what, and several at once --- */

static void test_without_create(void **state)
{
	struct pg *p = *state;

	char wanted[200];

	pg_sql(p, "create role service login");
	pg_conninfo(p, "%s user=service", p->conninfo);
	snprintf(wanted, sizeof(wanted), ": permission denied for database %s: let "
		 "the schema's owner run \"gantry storage migrate\", see "
		 "gantry-postgres(7)", p->database);
	pg_refused(p, &kit_schema_old, wanted);
	pg_conninfo(p, "%s", p->conninfo);
	pg_open(p);
	assert_int_equal(pg_holder(p, 1), GANTRY_STORED);
	kit_close(&p->kit);
	pg_sql(p, "grant usage on schema gantry to service");
	pg_sql(p, "grant select, insert, update, delete on all tables in schema "
		  "gantry to service");
	pg_conninfo(p, "%s user=service", p->conninfo);
	pg_open(p);
	assert_int_equal(kit_count(&p->kit, HOLDERS, 1), 1);
	assert_int_equal(pg_holder(p, 2), GANTRY_STORED);
}

static void *prepare_one(void *context)
{
	struct pg *p = context;
	struct gantry_error err = ERROR_INIT;
	void *self;
	intptr_t stored = GANTRY_BROKEN;

	if (store_open(&p->store, &self, &err) == 0) {
		stored = p->kit.st->prepare(self, &kit_schema_old,
					    GANTRY_PREPARE_SERVE, &err);
		store_close(&p->store, self);
	}
	if (stored != GANTRY_STORED)
		fprintf(stderr, "# %s\n", err.message);
	error_fini(&err);
	return (void *)stored;
}

static void test_many_prepare_at_once(void **state)
{
	enum { MANY = 6, ROUNDS = 4 };
	struct pg *p = *state;

	for (int round = 0; round < ROUNDS; round++) {
		pthread_t threads[MANY];

		pg_database(p, "");
		for (int i = 0; i < MANY; i++)
			assert_int_equal(pthread_create(&threads[i], NULL,
							prepare_one, p), 0);
		for (int i = 0; i < MANY; i++) {
			void *said;

			pthread_join(threads[i], &said);
			assert_int_equal((intptr_t)said, GANTRY_STORED);
		}
	}
}

/* --- how its connections are set --- */

/* At each row that is stored the server notes how that session is set. */
static void note_settings(struct pg *p)
{
	pg_sql(p, "create table public.noted as select name, setting from "
		  "pg_settings limit 0; grant all on public.noted to gantry");
	pg_sql(p, "create function public.note() returns trigger language plpgsql "
		  "as $$begin insert into public.noted select name, setting from "
		  "pg_settings; return null; end$$");
	pg_sql(p, "create trigger note after insert on gantry.holders for each "
		  "statement execute function public.note()");
}

static void is_set(struct pg *p, const char *name, const char *wanted)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "select string_agg(distinct setting, ',') from "
		 "public.noted where name = '%s'", name);
	assert_string_equal(pg_sql(p, sql), wanted);
}

static void test_durable_whatever_is_set(void **state)
{
	static const char *const values[] = { "off", "local", "on", "remote_apply" };
	struct pg *p = *state;

	pg_open(p);
	note_settings(p);
	for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
		char sql[200];

		kit_close(&p->kit);
		snprintf(sql, sizeof(sql), "alter database \"%s\" set "
			 "synchronous_commit = %s", p->database, values[i]);
		pg_sql(p, sql);
		pg_sql(p, "delete from public.noted");
		pg_open(p);
		assert_int_equal(pg_holder(p, (int64_t)i + 1), GANTRY_STORED);
		is_set(p, "synchronous_commit", i < 2 ? "on" : values[i]);
		is_set(p, "fsync", "on");
		is_set(p, "full_page_writes", "on");
	}
}

static void test_settings(void **state)
{
	struct pg *p = *state;

	pg_open(p);
	note_settings(p);
	assert_int_equal(pg_holder(p, 1), GANTRY_STORED);
	is_set(p, "application_name", "gantry");
	is_set(p, "client_encoding", "UTF8");
	is_set(p, "plan_cache_mode", "force_generic_plan");
	is_set(p, "enable_seqscan", "off");
	is_set(p, "enable_hashjoin", "off");
	is_set(p, "enable_mergejoin", "off");
	is_set(p, "jit", "off");
	is_set(p, "statement_timeout", "5000");
	is_set(p, "lock_timeout", "2000");
	is_set(p, "transaction_isolation", "read committed");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, pg_new, pg_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kit),
		TEST(test_commit_answer_is_lost),
		TEST(test_commit_is_lost),
		TEST(test_commit_waits_for_standby),
		TEST(test_commit_waits_for_standby_cut),
		TEST(test_commit_and_kill),
		TEST(test_number_after_kill),
		TEST(test_number_after_stop),
		TEST(test_number_after_crash),
		TEST(test_stopped),
		TEST(test_stopped_at_once),
		TEST(test_held_up),
		TEST(test_frozen),
		TEST(test_terminated),
		TEST(test_other_encoding),
		TEST(test_tables_of_something_else),
		TEST(test_bytes_that_are_no_text),
		TEST(test_other_schema),
		TEST(test_without_create),
		TEST(test_many_prepare_at_once),
		TEST(test_durable_whatever_is_set),
		TEST(test_settings),
	};

	return cmocka_run_group_tests(tests, pg_server_new, pg_server_free);
}
