/* SPDX-License-Identifier: Apache-2.0 */
/* trial - see trial.h. */
#include "gateway/cli/trial.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/error.h"

void trial_why(int status, char why[TRIAL_WHY])
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(why, TRIAL_WHY, "not loaded after %d s: what runs when it is "
			 "loaded does not end", TRIAL_SECONDS);
	else if (WIFSIGNALED(status))
		snprintf(why, TRIAL_WHY, "what runs when it is loaded crashed: %s",
			 strsignal(WTERMSIG(status)));
	else
		snprintf(why, TRIAL_WHY, "what runs when it is loaded ended the process "
			 "with status %d", WEXITSTATUS(status));
}

/* In the child: a byte says that it came to its end. */
static void trial_child(struct plugins *plugins, const char *path, int fd)
{
	struct gantry_error err = ERROR_INIT;

	alarm(TRIAL_SECONDS);
	plugins_load(plugins, path, &err);
	_exit(write(fd, "", 1) == 1 ? 0 : 1);
}

int trial_load(struct plugins *plugins, const char *path, struct gantry_error *err)
{
	char why[TRIAL_WHY], over;
	int ends[2], status = 0;
	ssize_t n;
	pid_t child;

	if (pipe(ends) < 0 || (child = fork()) < 0)
		return gantry_fail(err, "no process to load it in: %s", strerror(errno));
	if (child == 0) {
		close(ends[0]);
		trial_child(plugins, path, ends[1]);
	}
	close(ends[1]);
	n = read(ends[0], &over, 1);
	close(ends[0]);
	waitpid(child, &status, 0);
	if (n == 1)
		return 0;
	trial_why(status, why);
	return gantry_fail(err, "%s: %s", path, why);
}
