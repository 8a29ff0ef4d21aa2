/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox - see sandbox.h. */
#include "gateway/isolate/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/base/memory.h"

/* Sanitizers map terabytes of shadow, so addresses cannot be bounded under one. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_BOUNDS_ADDRESSES false
#else
#define SANDBOX_BOUNDS_ADDRESSES true
#endif

/* What computing, waiting and talking over what is open needs; all else is
   EPERM. */
static const int sandbox_calls[] = {
	SCMP_SYS(brk), SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(close), SCMP_SYS(epoll_wait),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
	SCMP_SYS(futex), SCMP_SYS(getpid), SCMP_SYS(getrandom), SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday), SCMP_SYS(lseek), SCMP_SYS(madvise), SCMP_SYS(mremap),
	SCMP_SYS(munmap), SCMP_SYS(nanosleep), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(pread64), SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg), SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
	SCMP_SYS(sigaltstack), SCMP_SYS(time), SCMP_SYS(uname), SCMP_SYS(write),
	SCMP_SYS(writev),
};

static int sandbox_filter(scmp_filter_ctx filter)
{
	int failed = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(sandbox_calls) && failed == 0; i++)
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, sandbox_calls[i], 0);
	/* memory, but no new code */
	if (failed == 0)
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
					  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (failed == 0)
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
					  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* abort() */
	if (failed == 0)
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
					  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return failed == 0 ? seccomp_load(filter) : failed;
}

/* What the process has mapped, in bytes. */
static int64_t sandbox_size(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld", &pages) != 1)
		pages = 0;
	fclose(f);
	return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

static int sandbox_limit(int resource, rlim_t most)
{
	return setrlimit(resource, &(struct rlimit){ most, most });
}

int sandbox_enter(int64_t memory, struct gantry_error *err)
{
	rlim_t addresses = (rlim_t)(sandbox_size() + memory);
	scmp_filter_ctx filter;
	int failed;

	if (sandbox_limit(RLIMIT_CORE, 0) < 0 || sandbox_limit(RLIMIT_FSIZE, 0) < 0 ||
	    (SANDBOX_BOUNDS_ADDRESSES && sandbox_limit(RLIMIT_AS, addresses) < 0))
		return gantry_fail(err, "no limits for its process: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return gantry_fail(err, "no sandbox for its process: %s", strerror(errno));
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	failed = filter != NULL ? sandbox_filter(filter) : -ENOMEM;
	seccomp_release(filter);
	if (failed != 0)
		return gantry_fail(err, "no sandbox for its process: seccomp: %s",
				   strerror(-failed));
	return 0;
}
