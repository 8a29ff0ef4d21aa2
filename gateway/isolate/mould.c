/* SPDX-License-Identifier: Apache-2.0 */
/* mould - see mould.h. */
#include "gateway/isolate/mould.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/again.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"

struct mould {
	pthread_mutex_t lock;	/* of all below; a last lock */
	pid_t pid;		/* 0: there is none */
	int fd;
};

/* What is said: "a copy with this socket", and its pid or -errno. */
struct mould_note {
	struct iovec bytes;
	struct msghdr head;
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} fd;
};

static struct msghdr *mould_note(struct mould_note *n, void *bytes, size_t len)
{
	*n = (struct mould_note){ .bytes = { bytes, len } };
	n->head = (struct msghdr){ .msg_iov = &n->bytes, .msg_iovlen = 1,
				   .msg_control = n->fd.room,
				   .msg_controllen = sizeof(n->fd.room) };
	return &n->head;
}

struct mould *mould_new(void)
{
	struct mould *mould = memory_new(sizeof(*mould));

	pthread_mutex_init(&mould->lock, NULL);
	return mould;
}

static void mould_stop(struct mould *mould)
{
	if (mould->pid == 0)
		return;
	kill(mould->pid, SIGKILL);
	waitpid(mould->pid, NULL, 0);
	close(mould->fd);
	mould->pid = 0;
}

void mould_free(struct mould **mould)
{
	if (*mould == NULL)
		return;
	mould_stop(*mould);
	pthread_mutex_destroy(&(*mould)->lock);
	free(*mould);
	*mould = NULL;
}

static int mould_start(struct mould *mould, struct gantry_error *err)
{
	int ends[2], failed;

	if (mould->pid != 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return gantry_fail(err, "no socket for its process: %s", strerror(errno));
	failed = again_start("plugin-host", NULL, ends[1], &mould->pid);
	close(ends[1]);
	mould->fd = ends[0];
	if (failed == 0)
		return 0;
	close(mould->fd);
	mould->pid = 0;
	return gantry_fail(err, "its process cannot be started: %s", strerror(failed));
}

/* The pid of a copy that has that socket, or -errno. */
static pid_t mould_ask(const struct mould *mould, int fd)
{
	struct pollfd answer = { .fd = mould->fd, .events = POLLIN };
	struct mould_note note;
	struct cmsghdr *head;
	pid_t pid;
	int n;

	head = CMSG_FIRSTHDR(mould_note(&note, &(char){ 0 }, 1));
	*head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fd)),
				  .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	if (sendmsg(mould->fd, &note.head, MSG_NOSIGNAL) < 0)
		return -errno;
	while ((n = poll(&answer, 1, MOULD_WAIT_MS)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return n == 0 ? -ETIMEDOUT : -errno;
	return recv(mould->fd, &pid, sizeof(pid), MSG_DONTWAIT) == sizeof(pid) ? pid :
									     -EPIPE;
}

/* One that was killed is no reason to fail: there is another at once. */
static pid_t mould_copy(struct mould *mould, int fd, struct gantry_error *err)
{
	pid_t pid = 0;

	for (int i = 0; i < 2 && pid <= 0; i++) {
		if (mould_start(mould, err) < 0)
			return -1;
		pid = mould_ask(mould, fd);
		if (pid <= 0)
			mould_stop(mould);
	}
	if (pid <= 0)
		return gantry_fail(err, "its process cannot be started: %s", strerror(-pid));
	return pid;
}

int mould_cast(struct mould *mould, pid_t *pid_out, int *fd_out,
	       struct gantry_error *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return gantry_fail(err, "no socket for its process: %s", strerror(errno));
	pthread_mutex_lock(&mould->lock);
	*pid_out = mould_copy(mould, ends[1], err);
	pthread_mutex_unlock(&mould->lock);
	close(ends[1]);
	*fd_out = ends[0];
	if (*pid_out > 0)
		return 0;
	close(ends[0]);
	return -1;
}

/*
 * A fork whose child is the gateway's, which alone waits for it. libc has none of
 * this kind; what its fork() does beside is of no use to a process of one thread,
 * but for the number of that thread, which libc keeps a copy of.
 */
static pid_t mould_fork(void)
{
	unsigned long flags = CLONE_PARENT | SIGCHLD;
	int *tid = NULL;

	if (prctl(PR_GET_TID_ADDRESS, &tid) == 0 && tid != NULL)
		flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	/* where it stands hangs on the processor; the other one is not looked at */
	return (pid_t)syscall(SYS_clone, flags, 0, NULL, tid, tid);
}

/* The socket for the next copy; whoever holds the other end ends us. */
static int mould_next(void)
{
	struct mould_note note;
	struct cmsghdr *head;
	ssize_t n;
	char byte;
	int fd;

	do
		n = recvmsg(AGAIN_FD, mould_note(&note, &byte, 1), MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		_exit(0);
	head = CMSG_FIRSTHDR(&note.head);
	if (head == NULL || head->cmsg_type != SCM_RIGHTS)
		_exit(2);
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

void mould_serve(void)
{
	for (;;) {
		int fd = mould_next();
		pid_t pid = mould_fork();

		if (pid == 0) {
			dup2(fd, AGAIN_FD);
			close(fd);
			return;
		}
		if (pid < 0)
			pid = -errno;
		close(fd);
		if (send(AGAIN_FD, &pid, sizeof(pid), MSG_NOSIGNAL) < 0)
			_exit(0);
	}
}
