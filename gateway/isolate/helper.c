/* SPDX-License-Identifier: Apache-2.0 */
/* helper - see helper.h. */
#include "gateway/isolate/helper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"

static int64_t helper_now_ms(void)
{
	return clock_steady_ns() / 1000000;
}

static const size_t helper_texts[] = {
	offsetof(struct helper_spec, instance), offsetof(struct helper_spec, service),
	offsetof(struct helper_spec, path), offsetof(struct helper_spec, version),
	offsetof(struct helper_spec, entry), offsetof(struct helper_spec, folder),
	offsetof(struct helper_spec, absent),
};

void helper_put_spec(struct wire_pen *pen, const struct helper_spec *spec)
{
	for (size_t i = 0; i < sizeof(helper_texts) / sizeof(*helper_texts); i++) {
		const char *text;

		memcpy(&text, (const char *)spec + helper_texts[i], sizeof(text));
		wire_put_text(pen, text);
	}
	wire_put(pen, spec->memory);
	wire_put(pen, spec->behind);
}

void helper_take_spec(struct wire_eye *eye, struct helper_spec *spec)
{
	for (size_t i = 0; i < sizeof(helper_texts) / sizeof(*helper_texts); i++) {
		const char *text = wire_get_some(eye);

		memcpy((char *)spec + helper_texts[i], &text, sizeof(text));
	}
	spec->memory = wire_get(eye);
	spec->behind = wire_get_in(eye, 0, 1) == 1;
}

/* Kill it, if it is there, and free what is ours. */
static void helper_leave(struct helper *h)
{
	pid_t corpse = h->corpse;

	if (h->pid > 0 && kill(h->pid, SIGKILL) == 0)
		corpse = h->pid;
	if (h->fd > 0)
		close(h->fd);
	free(h->reply);
	wire_fini(&h->pen);
	*h = (struct helper){ .corpse = corpse };
}

/* One that closed its end has a moment to say how it ended: 0.1 s, as time is left. */
static bool helper_has_ended(struct helper *h, int64_t until_ms, int *status_out)
{
	for (useconds_t us = 25; us < 100000 && helper_now_ms() <= until_ms; us *= 2) {
		pid_t ended = waitpid(h->pid, status_out, WNOHANG);

		if (ended != 0) {
			h->pid = 0;
			return ended > 0;
		}
		usleep(us);
	}
	return false;
}

/* How it ended, for whoever asked it last. */
static int helper_lost(struct helper *h, int why, int64_t began_ms, int64_t until_ms,
		       struct gantry_error *err)
{
	int status = 0;
	bool ended = why == EPIPE && helper_has_ended(h, until_ms, &status);

	helper_leave(h);
	if (why == ETIMEDOUT)
		return gantry_fail(err, "its process gave no answer in %lld ms and was killed",
				   (long long)(helper_now_ms() - began_ms));
	if (ended && WIFSIGNALED(status))
		return gantry_fail(err, "its process was ended by signal %d (%s)",
				   WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (ended)
		return gantry_fail(err, "its process ended with status %d",
				   WEXITSTATUS(status));
	return gantry_fail(err, "its process said what makes no sense, and was killed");
}

int helper_exchange(struct helper *h, int64_t until_ms, struct gantry_error *err)
{
	int64_t began_ms = helper_now_ms();

	free(h->reply);
	h->reply = NULL;
	if (wire_send(h->fd, &h->pen, until_ms) == 0 &&
	    wire_receive(h->fd, &h->reply, &h->reply_len, until_ms) == 0)
		return 0;
	return helper_lost(h, errno, began_ms, until_ms, err);
}

/* The first frame: 1, or 0 and why not. */
static int helper_opened(struct helper *h, struct gantry_error *err)
{
	struct wire_eye eye = { h->reply, h->reply + h->reply_len, false };
	bool opened = wire_get_in(&eye, 0, 1) == 1;
	const char *why = wire_get_some(&eye);

	if (opened && !eye.bad)
		return 0;
	gantry_fail(err, "%s", *why != '\0' ? why : "its process did not start");
	helper_stop(h);
	return -1;
}

int helper_start(struct helper *h, struct mould *mould, const struct helper_spec *spec,
		 struct gantry_error *err)
{
	helper_stop(h);
	if (mould_cast(mould, &h->pid, &h->fd, err) < 0) {
		*h = (struct helper){ .pid = 0 };
		return -1;
	}
	wire_begin(&h->pen);
	helper_put_spec(&h->pen, spec);
	if (helper_exchange(h, helper_now_ms() + HELPER_START_MS, err) < 0)
		return -1;
	return helper_opened(h, err);
}

void helper_stop(struct helper *h)
{
	helper_leave(h);
	if (h->corpse > 0)
		waitpid(h->corpse, NULL, 0);
	h->corpse = 0;
}
