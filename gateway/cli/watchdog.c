/* SPDX-License-Identifier: Apache-2.0 */
/* watchdog - see watchdog.h. */
#include "gateway/cli/watchdog.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/base/thread.h"
#include "gateway/cli/notify.h"

/* One look that comes late, on a busy machine, is not the end. */
#define WATCHDOG_LOOKS 4
#define WATCHDOG_LEAST_US 1000

struct watchdog {
	struct watchdog_sign signs[WATCHDOG_MAX_SIGNS];
	bool still[WATCHDOG_MAX_SIGNS];	/* was said in the log */
	unsigned n;
	int64_t pause_us;
	pthread_t thread;
	pthread_mutex_t lock;		/* guards stopping; taken alone */
	pthread_cond_t stop;
	bool stopping;
};

/* What the manager asks of this process, in microseconds; 0: nothing. */
static int64_t watchdog_wanted_us(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	int64_t us, owner;

	if (usec == NULL || !parse_integer(usec, &us) || us <= 0)
		return 0;
	if (pid != NULL && (!parse_integer(pid, &owner) || owner != getpid()))
		return 0;
	return us;
}

static bool watchdog_look(struct watchdog *w)
{
	bool all = true;

	for (unsigned i = 0; i < w->n; i++) {
		const struct watchdog_sign *sign = &w->signs[i];
		bool alive = sign->alive(sign->of);

		if (!alive && !w->still[i])
			log_warning("%s: nothing has moved for %lld ms; if that lasts, "
				    "the service manager starts this process again",
				    sign->name, (long long)w->pause_us / 1000);
		w->still[i] = !alive;
		all = all && alive;
	}
	return all;
}

static struct timespec watchdog_next(const struct watchdog *w)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += w->pause_us / 1000000;
	at.tv_nsec += w->pause_us % 1000000 * 1000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/* False: it is to end. */
static bool watchdog_pause(struct watchdog *w)
{
	struct timespec at = watchdog_next(w);
	bool stopping;

	pthread_mutex_lock(&w->lock);
	while (!w->stopping &&
	       pthread_cond_timedwait(&w->stop, &w->lock, &at) == 0)
		;
	stopping = w->stopping;
	pthread_mutex_unlock(&w->lock);
	return !stopping;
}

static void *watchdog_main(void *arg)
{
	struct watchdog *w = arg;

	thread_begin("watchdog", THREAD_LONG);
	do {
		if (watchdog_look(w))
			notify_send("WATCHDOG=1");
	} while (watchdog_pause(w));
	return NULL;
}

struct watchdog *watchdog_start(const struct watchdog_sign *signs, unsigned n)
{
	int64_t wanted_us = watchdog_wanted_us();
	pthread_condattr_t clock;
	struct watchdog *w;

	assert(n <= WATCHDOG_MAX_SIGNS);
	if (wanted_us == 0)
		return NULL;
	w = memory_new(sizeof(*w));
	for (; w->n < n; w->n++)
		w->signs[w->n] = signs[w->n];
	w->pause_us = wanted_us / WATCHDOG_LOOKS;
	if (w->pause_us < WATCHDOG_LEAST_US)
		w->pause_us = WATCHDOG_LEAST_US;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&w->stop, &clock);
	pthread_condattr_destroy(&clock);
	if (pthread_create(&w->thread, NULL, watchdog_main, w) != 0)
		abort();
	return w;
}

void watchdog_stop(struct watchdog **watchdog)
{
	struct watchdog *w = *watchdog;

	if (w == NULL)
		return;
	*watchdog = NULL;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->stop);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->stop);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
