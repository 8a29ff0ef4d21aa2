/* SPDX-License-Identifier: Apache-2.0 */
/* watchdog - see watchdog.h. */
#include "gateway/source/amqp/watchdog.h"

#include <assert.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/base/thread.h"

#define WATCHDOG_NEVER INT64_MAX

struct watchdog {
	pthread_t thread;
	pthread_mutex_t lock;	/* all below; taken last */
	pthread_cond_t changed;
	int fd;			/* -1: not armed */
	int64_t deadline_ns;
	int64_t wakes_ns;	/* when the thread looks next */
	bool fired, stop;
};

static void watchdog_sleep(struct watchdog *w)
{
	struct timespec at = { w->wakes_ns / 1000000000,
			       w->wakes_ns % 1000000000 };

	if (w->wakes_ns == WATCHDOG_NEVER)
		pthread_cond_wait(&w->changed, &w->lock);
	else
		pthread_cond_timedwait(&w->changed, &w->lock, &at);
}

static void *watchdog_run(void *arg)
{
	struct watchdog *w = arg;

	thread_begin("broker watch", THREAD_LONG);
	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (w->fd >= 0 && clock_steady_ns() >= w->deadline_ns) {
			shutdown(w->fd, SHUT_RDWR);
			w->fd = -1;
			w->fired = true;
		}
		w->wakes_ns = w->fd >= 0 ? w->deadline_ns : WATCHDOG_NEVER;
		watchdog_sleep(w);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct watchdog *watchdog_new(void)
{
	struct watchdog *w = memory_new(sizeof(*w));
	pthread_condattr_t attr;
	int result;

	w->fd = -1;
	w->wakes_ns = WATCHDOG_NEVER;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	result = pthread_create(&w->thread, NULL, watchdog_run, w);
	assert(result == 0);
	(void)result;
	return w;
}

void watchdog_free(struct watchdog **watchdog)
{
	struct watchdog *w = *watchdog;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	assert(w->fd < 0);
	w->stop = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
	*watchdog = NULL;
}

void watchdog_arm(struct watchdog *w, int fd, int64_t ms)
{
	assert(fd >= 0 && ms > 0);
	pthread_mutex_lock(&w->lock);
	w->fd = fd;
	w->fired = false;
	w->deadline_ns = clock_steady_ns() + ms * 1000000;
	/* it looks in time anyway as a rule, from the guard before this one */
	if (w->deadline_ns < w->wakes_ns)
		pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

bool watchdog_disarm(struct watchdog *w)
{
	bool fired;

	pthread_mutex_lock(&w->lock);
	w->fd = -1;
	fired = w->fired;
	w->fired = false;
	pthread_mutex_unlock(&w->lock);
	return fired;
}
