/* SPDX-License-Identifier: Apache-2.0 */
/* thread - see thread.h. */
#include "gateway/base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The least that a slice may be (kernel/sched/syscalls.c); the usual is 3 ms. */
#define THREAD_SLICE_NS 100000

static _Thread_local bool thread_is_brief;

/* sched_setattr(2) has no wrapper before glibc 2.41. */
struct thread_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

/*
 * With equal shares, who has the shorter slice is the first to be run, and even
 * takes the processor from one that is in the middle of a longer one. A kernel
 * that does not know that looks at no slice of this policy.
 */
static void thread_be_brief(void)
{
	struct thread_attributes a = { .size = sizeof(a), .policy = SCHED_OTHER,
				       .nice = getpriority(PRIO_PROCESS, 0),
				       .runtime_ns = THREAD_SLICE_NS };

	(void)syscall(SYS_sched_setattr, 0, &a, 0);
}

void thread_give_way(void)
{
	if (thread_is_brief)
		sched_yield();
}

void thread_begin(const char *name, enum thread_kind kind)
{
	pthread_setname_np(pthread_self(), name);
	thread_is_brief = kind == THREAD_BRIEF;
	if (thread_is_brief && sched_getscheduler(0) == SCHED_OTHER)
		thread_be_brief();
}
