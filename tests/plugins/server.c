/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - see server.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/plugins/server.h"

static void server_die(const struct server *s, const char *what)
{
	fprintf(stderr, "server: %s: %s\n", what, s->answer);
	abort();
}

/* One line into answer; false at the end of what it says. */
static bool server_line(struct server *s)
{
	if (fgets(s->answer, sizeof(s->answer), s->from) == NULL) {
		strcpy(s->answer, "it ended");
		return false;
	}
	s->answer[strcspn(s->answer, "\n")] = '\0';
	return true;
}

/* Takes the first word away; whether it was that. */
static bool server_word(struct server *s, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(s->answer, word, len) != 0)
		return false;
	if (s->answer[len] == ' ')
		len++;
	memmove(s->answer, s->answer + len, strlen(s->answer + len) + 1);
	return true;
}

bool server_start(struct server *s)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0) {
		strcpy(s->answer, strerror(errno));
		server_die(s, "pipe");
	}
	s->pid = fork();
	if (s->pid == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		execlp("python3", "python3", SERVER, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	s->to = fdopen(to[1], "w");
	s->from = fdopen(from[0], "r");
	/* the answer to a command that could not be sent says it */
	signal(SIGPIPE, SIG_IGN);
	if (!server_line(s))
		server_die(s, "start");
	if (server_word(s, "ok"))
		return true;
	server_word(s, "none");
	server_end(s);
	return false;
}

const char *server_do(struct server *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(s->to, format, args);
	va_end(args);
	fputc('\n', s->to);
	fflush(s->to);
	if (!server_line(s) || !server_word(s, "ok"))
		server_die(s, format);
	return s->answer;
}

void server_end(struct server *s)
{
	fclose(s->to);
	fclose(s->from);
	waitpid(s->pid, NULL, 0);
}
