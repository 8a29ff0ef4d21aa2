/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog - signs of life: calls of handlers that come back or do not, and what
 * the service manager hears of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/cli/watchdog.h"
#include "gateway/pipeline/pulse.h"
#include "tests/unit/commit_world.h"

#define INTERVAL_MS 200

static void test_pulse(void **state)
{
	struct pulse pulse = { 0 };
	int one, two;

	(void)state;
	assert_true(pulse_look(&pulse));
	one = pulse_begin(&pulse);
	two = pulse_begin(&pulse);
	assert_int_not_equal(one, two);
	assert_true(pulse_look(&pulse));
	assert_false(pulse_look(&pulse));
	pulse_end(&pulse, one);
	assert_false(pulse_look(&pulse));
	/* another call in the same place is not the same call */
	pulse_end(&pulse, two);
	assert_int_equal(pulse_begin(&pulse), one);
	assert_true(pulse_look(&pulse));
	pulse_end(&pulse, one);
	assert_int_equal(pulse_begin(&pulse), one);
	assert_true(pulse_look(&pulse));
	pulse_end(&pulse, one);
	assert_true(pulse_look(&pulse));
	assert_true(pulse_look(&pulse));
}

static void test_pulse_is_bounded(void **state)
{
	struct pulse pulse = { 0 };
	bool taken[PULSE_SLOTS] = { false };

	(void)state;
	for (int i = 0; i < PULSE_SLOTS; i++) {
		int slot = pulse_begin(&pulse);

		assert_in_range(slot, 0, PULSE_SLOTS - 1);
		assert_false(taken[slot]);
		taken[slot] = true;
	}
	assert_int_equal(pulse_begin(&pulse), -1);
	pulse_end(&pulse, -1);
	for (int i = 0; i < PULSE_SLOTS; i++)
		pulse_end(&pulse, i);
	assert_true(pulse_begin(&pulse) >= 0);
}

/* The manager's side: a socket, and the environment that tells of it. */
struct manager {
	char path[64];
	int fd;
};

static void manager_open(struct manager *m, const char *usec)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(m->path, sizeof(m->path), "/tmp/gantry-watchdog-%d", (int)getpid());
	unlink(m->path);
	strcpy(at.sun_path, m->path);
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(m->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	setenv("NOTIFY_SOCKET", m->path, 1);
	if (usec != NULL)
		setenv("WATCHDOG_USEC", usec, 1);
}

static void manager_close(struct manager *m)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	close(m->fd);
	unlink(m->path);
}

/* Whether a sign of life comes within a time; nothing else ever does. */
static bool manager_hears(struct manager *m, int ms)
{
	struct timeval wait = { ms / 1000, ms % 1000 * 1000 };
	char text[64];
	ssize_t n;

	setsockopt(m->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	n = recv(m->fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return false;
	text[n] = '\0';
	assert_string_equal(text, "WATCHDOG=1");
	return true;
}

/* What was sent before now is not asked for. */
static void manager_forget(struct manager *m)
{
	char text[64];

	while (recv(m->fd, text, sizeof(text), MSG_DONTWAIT) >= 0)
		;
}

static bool sign(void *of)
{
	return atomic_load((_Atomic bool *)of);
}

static void test_signs(void **state)
{
	_Atomic bool one = true, two = true;
	const struct watchdog_sign signs[] = {
		{ "one", sign, &one }, { "two", sign, &two },
	};
	struct manager manager;
	struct watchdog *w;

	(void)state;
	manager_open(&manager, "200000");
	w = watchdog_start(signs, 2);
	assert_non_null(w);
	for (int i = 0; i < 5; i++)
		assert_true(manager_hears(&manager, 5000));
	/* one that stands still is enough */
	atomic_store(&two, false);
	assert_false(manager_hears(&manager, INTERVAL_MS / 4) &&
		     manager_hears(&manager, INTERVAL_MS));
	manager_forget(&manager);
	assert_false(manager_hears(&manager, 3 * INTERVAL_MS));
	atomic_store(&two, true);
	assert_true(manager_hears(&manager, 5000));
	watchdog_stop(&w);
	assert_null(w);
	watchdog_stop(&w);
	manager_forget(&manager);
	assert_false(manager_hears(&manager, 2 * INTERVAL_MS));
	manager_close(&manager);
}

static void test_only_who_is_asked(void **state)
{
	struct manager manager;

	(void)state;
	manager_open(&manager, NULL);
	assert_null(watchdog_start(NULL, 0));
	setenv("WATCHDOG_USEC", "0", 1);
	assert_null(watchdog_start(NULL, 0));
	setenv("WATCHDOG_USEC", "1s", 1);
	assert_null(watchdog_start(NULL, 0));
	setenv("WATCHDOG_USEC", "200000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	assert_null(watchdog_start(NULL, 0));
	manager_close(&manager);
}

/* A handler that hangs, on whatever thread it runs, and on its way through settle. */

static _Atomic bool hang, hanging;

static enum gantry_verdict do_hang(struct shot *s, struct gantry_message *m,
				   struct gantry_error *err)
{
	(void)s;
	(void)m;
	(void)err;
	while (atomic_load(&hang)) {
		atomic_store(&hanging, true);
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	atomic_store(&hanging, false);
	return GANTRY_DONE;
}

static enum gantry_verdict do_stage(struct shot *s, struct gantry_message *m,
				    struct gantry_error *err)
{
	(void)s;
	return gantry_record_put(m, "space", "key", json_true(), err) < 0 ?
	       GANTRY_FAILED : GANTRY_DONE;
}

static void until_it_hangs(void)
{
	while (!atomic_load(&hanging))
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
}

static void hang_once(struct world *world, shot_handler *handle, shot_handler *settle)
{
	struct shot s;

	shot_init(world, &s, GANTRY_PARALLEL, handle);
	s.settle[0] = settle;
	atomic_store(&hang, true);
	shot_fire(&s);
	until_it_hangs();
	assert_true(engine_moves(world->engine));
	assert_false(engine_moves(world->engine));
	assert_false(engine_moves(world->engine));
	atomic_store(&hang, false);
	shot_wait(&s);
	assert_int_equal(s.m.answer.status, 200);
	assert_true(engine_moves(world->engine));
	assert_true(engine_moves(world->engine));
	shot_fini(&s);
}

static void test_a_handler_that_hangs(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, NULL);
	assert_true(engine_moves(world.engine));
	hang_once(&world, do_hang, NULL);
	hang_once(&world, do_stage, do_hang);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pulse),
		cmocka_unit_test(test_pulse_is_bounded),
		cmocka_unit_test(test_signs),
		cmocka_unit_test(test_only_who_is_asked),
		cmocka_unit_test(test_a_handler_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
