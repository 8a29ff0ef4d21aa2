/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread says of itself, as the kernel has heard it. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/thread.h"

/* As sched_getattr(2) fills it. */
struct heard {
	char name[16];
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime_ns, deadline_ns, period_ns;
	} scheduled;
};

struct asked {
	enum thread_kind kind;
	struct heard before, after;
};

static void hear(struct heard *h)
{
	pthread_getname_np(pthread_self(), h->name, sizeof(h->name));
	assert_int_equal(syscall(SYS_sched_getattr, 0, &h->scheduled,
				 sizeof(h->scheduled), 0), 0);
}

static void *asking(void *arg)
{
	struct asked *a = arg;

	hear(&a->before);
	thread_begin("somebody", a->kind);
	hear(&a->after);
	return NULL;
}

static struct asked ask(enum thread_kind kind)
{
	struct asked a = { .kind = kind };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, asking, &a), 0);
	pthread_join(thread, NULL);
	assert_string_equal(a.after.name, "somebody");
	assert_int_equal(a.after.scheduled.policy, SCHED_OTHER);
	assert_int_equal(a.after.scheduled.nice, a.before.scheduled.nice);
	return a;
}

/* Whether the kernel knows slices of this policy. */
static bool knows_slices(void)
{
	unsigned major = 0, minor = 0;
	struct utsname system;

	uname(&system);
	assert_int_equal(sscanf(system.release, "%u.%u", &major, &minor), 2);
	return major > 6 || (major == 6 && minor >= 12);
}

static void test_a_brief_one_has_a_short_slice(void **state)
{
	struct asked a = ask(THREAD_BRIEF);

	(void)state;
	if (knows_slices())
		assert_int_equal(a.after.scheduled.runtime_ns, 100000);
	else
		assert_int_equal(a.after.scheduled.runtime_ns,
				 a.before.scheduled.runtime_ns);
}

static void test_a_long_one_is_as_it_was(void **state)
{
	struct asked a = ask(THREAD_LONG);

	(void)state;
	assert_int_equal(a.after.scheduled.runtime_ns, a.before.scheduled.runtime_ns);
}

static void test_nice_stays(void **state)
{
	struct asked a;

	(void)state;
	assert_int_equal(setpriority(PRIO_PROCESS, 0, 3), 0);
	a = ask(THREAD_BRIEF);
	assert_int_equal(a.after.scheduled.nice, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_brief_one_has_a_short_slice),
		cmocka_unit_test(test_a_long_one_is_as_it_was),
		cmocka_unit_test(test_nice_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
