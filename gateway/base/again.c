/* SPDX-License-Identifier: Apache-2.0 */
/* again - see again.h. */
#include "gateway/base/again.h"

#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <unistd.h>

/* A group of its own: Ctrl-C in a terminal is the gateway's to answer. */
int again_start(const char *command, const char *argument, int fd, pid_t *pid_out)
{
	char name[] = "gantry";
	/* posix_spawn() writes to none of them */
	char *argv[] = { name, (char *)(uintptr_t)command, (char *)(uintptr_t)argument,
			 NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none;
	int failed;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, fd, AGAIN_FD);
	posix_spawn_file_actions_addclosefrom_np(&files, AGAIN_FD + 1);
	failed = posix_spawn(pid_out, "/proc/self/exe", &files, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return failed;
}
