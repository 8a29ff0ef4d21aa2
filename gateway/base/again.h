/* SPDX-License-Identifier: Apache-2.0 */
/*
 * again - the program itself, started once more for a purpose of its own.
 */
#ifndef BASE_AGAIN_H
#define BASE_AGAIN_H

#include <sys/types.h>

/* Where it finds what it was given. */
#define AGAIN_FD 3

/*
 * "gantry COMMAND [ARGUMENT]" (argument may be NULL) as a child: the file that this
 * process was made of, also where another has its name by now; no signal blocked, a
 * process group of its own, and of descriptors 0 to 2, and fd as AGAIN_FD. The caller
 * keeps fd, and waits for the child. 0, or an errno. Any thread.
 */
int again_start(const char *command, const char *argument, int fd, pid_t *pid_out);

#endif
