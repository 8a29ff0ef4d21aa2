/* SPDX-License-Identifier: Apache-2.0 */
/* process - see process.h. */
#include "gateway/observe/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/base/exposition.h"

/* Ends text with a NUL; false if there is no such file. */
static bool process_file(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, room - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

/* The number after n words. */
static uint64_t process_word(const char *text, unsigned n)
{
	for (; n > 0; n--) {
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	return strtoull(text, NULL, 10);
}

/* Seconds since 1970 when the machine started; 0: unknown. */
static uint64_t process_boot(void)
{
	FILE *file = fopen("/proc/stat", "re");
	unsigned long long boot = 0;
	char *line = NULL;
	size_t room = 0;

	while (file != NULL && boot == 0 && getline(&line, &room, file) > 0)
		if (sscanf(line, "btime %llu", &boot) != 1)
			boot = 0;
	free(line);
	if (file != NULL)
		fclose(file);
	return boot;
}

static void process_stat(struct exposition *x)
{
	uint64_t tick = (uint64_t)sysconf(_SC_CLK_TCK), start, boot = process_boot();
	char text[2048], *rest;

	if (!process_file("/proc/self/stat", text, sizeof(text)))
		return;
	/* the name may hold anything; what follows is state, ppid ... (proc(5)) */
	rest = strrchr(text, ')');
	if (rest == NULL)
		return;
	rest += 2;
	exposition_counter(x, "process_cpu_seconds_total",
			   "Processor time of the process.",
			   (process_word(rest, 11) + process_word(rest, 12)) * 1000 / tick, 3);
	start = process_word(rest, 19) * 1000 / tick;
	if (boot > 0)
		exposition_gauge(x, "process_start_time_seconds",
				 "When it started, since 1970.", boot * 1000 + start, 3);
	exposition_gauge(x, "process_virtual_memory_bytes", "Its address space.",
			 process_word(rest, 20), 0);
	exposition_gauge(x, "process_resident_memory_bytes", "Its memory.",
			 process_word(rest, 21) * (uint64_t)sysconf(_SC_PAGESIZE), 0);
	exposition_gauge(x, "process_threads", "Its threads.", process_word(rest, 17), 0);
}

static void process_files(struct exposition *x)
{
	DIR *dir = opendir("/proc/self/fd");
	struct rlimit limit;
	uint64_t n = 0;

	if (dir == NULL)
		return;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	/* without ".", ".." and the folder's own */
	exposition_gauge(x, "process_open_fds", "Its open files.", n > 3 ? n - 3 : 0, 0);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		exposition_gauge(x, "process_max_fds", "Files that it may open.",
				 limit.rlim_cur, 0);
}

void process_write(struct exposition *x)
{
	process_stat(x);
	process_files(x);
}
