/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper - one helper process, a copy of the mould, and a socket to it. Knows
 * nothing of messages: frames go out, frames come in, and if none does in time
 * the process is gone. One thread at a time.
 */
#ifndef ISOLATE_HELPER_H
#define ISOLATE_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

#include <gantry/error.h>

#include "gateway/isolate/mould.h"
#include "gateway/isolate/wire.h"

#define HELPER_START_MS 10000

/* What it is to be; all texts outlive the helper. */
struct helper_spec {
	const char *instance, *service;
	const char *path, *version;	/* of the plugin */
	const char *entry;		/* JSON: its options */
	const char *folder;		/* from which their paths count */
	const char *absent;		/* ",a,b,": options that name an upstream by
					   default, which is not there */
	int64_t memory;			/* bytes beside what it has at its start */
	bool behind;			/* everybody else, where the processor is scarce */
};

struct helper {
	pid_t pid;			/* 0: there is none */
	pid_t corpse;			/* killed, not waited for; 0: there is none */
	int fd;
	struct wire_pen pen;		/* what is to be sent */
	char *reply;			/* what came; until the next exchange */
	size_t reply_len;
};

/* Start it and wait until it has opened the instance. 0, -1 with err. Waits for the
   end of the one before. */
int helper_start(struct helper *h, struct mould *mould, const struct helper_spec *spec,
		 struct gantry_error *err);
/*
 * Send the pen's frame and wait for the answer; steady ms. -1 with err, which
 * says how it ended: then there is no process any more, or one that is killed and
 * that nobody waits for here: its memory may take long to be freed.
 */
int helper_exchange(struct helper *h, int64_t until_ms, struct gantry_error *err);
/* Kill and reap it, if there is one, and free what it left. */
void helper_stop(struct helper *h);

/* What the gateway says first, and what comes back. */
void helper_put_spec(struct wire_pen *pen, const struct helper_spec *spec);
void helper_take_spec(struct wire_eye *eye, struct helper_spec *spec);

#endif
