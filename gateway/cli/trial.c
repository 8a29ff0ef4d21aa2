/* SPDX-License-Identifier: Apache-2.0 */
/* trial - see trial.h. */
#include "gateway/cli/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/again.h"
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
static void trial_child(const char *path, int fd)
{
	struct gantry_error err = ERROR_INIT;

	alarm(TRIAL_SECONDS);
	plugins_load(plugins_new("/"), path, &err);
	_exit(write(fd, "", 1) == 1 ? 0 : 1);
}

/* What it prints and reads is nobody's. */
static void trial_silence(void)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
}

/* Ends with the child, whose end of the pipe is fd. */
static int trial_wait(const char *path, pid_t child, int fd, struct gantry_error *err)
{
	struct pollfd over = { .fd = fd, .events = POLLIN };
	char why[TRIAL_WHY], byte;
	int status = 0;
	ssize_t n = 0;

	/* one that cannot be alarmed is killed */
	while (poll(&over, 1, (TRIAL_SECONDS + 2) * 1000) < 0 && errno == EINTR)
		;
	if (over.revents != 0)
		n = read(fd, &byte, 1);
	else
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (n == 1)
		return 0;
	trial_why(status, why);
	return gantry_fail(err, "%s: %s", path, why);
}

int trial_fork(const char *path, struct gantry_error *err)
{
	int ends[2], result;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return gantry_fail(err, "%s: no pipe to try it: %s", path, strerror(errno));
	child = fork();
	if (child == 0) {
		trial_silence();
		trial_child(path, ends[1]);
	}
	close(ends[1]);
	result = child < 0 ? gantry_fail(err, "%s: no process to try it: %s", path,
					 strerror(errno)) :
			     trial_wait(path, child, ends[0], err);
	close(ends[0]);
	return result;
}

struct plugins *trial_plugins(const char *folder)
{
	struct plugins *plugins = plugins_new(folder);

	plugins_set_trial(plugins, trial_fork);
	return plugins;
}

int trial_spawn(const char *path, struct gantry_error *err)
{
	int ends[2], failed, result;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return gantry_fail(err, "%s: no pipe to try it: %s", path, strerror(errno));
	failed = again_start("plugin-trial", path, ends[1], &child);
	close(ends[1]);
	result = failed != 0 ? gantry_fail(err, "%s: no process to try it: %s", path,
					   strerror(failed)) :
			       trial_wait(path, child, ends[0], err);
	close(ends[0]);
	return result;
}

int trial_main(int argc, char **argv)
{
	if (argc != 2 || fcntl(AGAIN_FD, F_GETFD) < 0) {
		fputs("gantry: plugin-trial is started by \"gantry serve\", before it loads a "
		      "plugin that is new\n", stderr);
		return 2;
	}
	trial_silence();
	trial_child(argv[1], AGAIN_FD);
	return 1;	/* never */
}
