/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - see serve.h. Builds the first graph, has the floors started, waits for
 * signals and stops them from the top down.
 */
#include "gateway/cli/serve.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/base/metrics.h"
#include "gateway/cli/serving.h"
#include "gateway/cli/trial.h"
#include "gateway/cli/watchdog.h"
#include "gateway/isolate/isolate.h"
#include "gateway/observe/census.h"
#include "gateway/pipeline/current.h"
#include "gateway/observe/traces.h"

/* What requests under way get to finish before the daemon stops anyway. */
#define SERVE_DRAIN_S 25
/* And what is left of them then. */
#define SERVE_LAST_S 3
static const char serve_help[] =
	"Usage: gantry serve [--config FILE] [--with FILE] [--presets DIR]\n"
	"                    [--plugins DIR]\n"
	"\n"
	"Run the gateway in the foreground until SIGTERM or SIGINT; then what is under\n"
	"way is finished first. SIGHUP reads the configuration again, as does\n"
	"\"gantry reload\".\n"
	"\n"
	"  --config FILE   configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE     one more file, read last (one of several on a host)\n"
	"  --presets DIR   presets that \"use:\" names (default: " PRESETDIR ")\n"
	"  --plugins DIR   plugins by short name (default: " PLUGINDIR ")\n"
	"  --help          this text\n";

/* Every thread inherits this; the main thread reads them from a descriptor. */
static void serve_block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* a file that may not grow is an error of write(2), not our end */
	signal(SIGXFSZ, SIG_IGN);
}

static int serve_configure(struct serve *s)
{
	struct problems problems = { 0 };
	int status = COMMON_OK;

	s->first = s->config = config_load_with(s->options.config, s->options.with,
						s->options.presets, &problems);
	if (s->config != NULL)
		graph_build(s->config, s->plugins, &problems, &s->graph);
	if (s->graph != NULL)
		isolate_graph(s->graph, s->plugins, s->mould);
	if (problems.n > 0) {
		problems_print(&problems, stderr);
		status = COMMON_USAGE;
	}
	problems_fini(&problems);
	return status;
}

/*
 * What the sources have given up may still be under way. A handler that hangs
 * cannot be ended as a thread: then the process ends without its floors, and
 * storage keeps what was committed.
 */
static void serve_wait_for_engine(const struct serve *s, int64_t deadline)
{
	while (s->engine != NULL && engine_waiting(s->engine) > 0) {
		if (clock_steady_ns() > deadline) {
			log_error("%zu messages hang: stopping without them",
				  engine_waiting(s->engine));
			_exit(COMMON_FAILED);
		}
		usleep(1000);
	}
}

/* The same for a unit that nobody waits for. */
static void serve_stop_committer(struct serve *s, int64_t deadline)
{
	if (s->committer != NULL && !committer_stop(s->committer, deadline)) {
		log_error("the storage does not answer: stopping without it");
		_exit(COMMON_FAILED);
	}
	committer_free(&s->committer);
}

/* From the top down: nothing comes in any more before its floor goes. */
static bool serve_http_moves(void *http)
{
	return http_moves(http);
}

static bool serve_engine_moves(void *engine)
{
	return engine_moves(engine);
}

/* What a new process would mend. */
static void serve_start_watchdog(struct serve *s)
{
	struct watchdog_sign signs[] = {
		{ "the handlers", serve_engine_moves, s->engine },
		{ "the API", serve_http_moves, s->api },
		{ "the admin listener", serve_http_moves, s->admin },
		{ "the admin socket", serve_http_moves, s->local },
	};

	s->watchdog = watchdog_start(signs, s->local != NULL ? 4 : 3);
}

static void serve_stop(struct serve *s)
{
	int64_t deadline = clock_steady_ns() + SERVE_DRAIN_S * INT64_C(1000000000);

	atomic_store(&s->status.stopping, 1);
	watchdog_stop(&s->watchdog);
	serve_reload_close(s);
	schedule_stop(s->schedule);
	consumer_stop(s->consumer);
	if (s->api != NULL) {
		http_stop_accepting(s->api);
		if (http_drain(s->api, deadline) < 0)
			log_warning("some requests were not finished in %d s",
				    SERVE_DRAIN_S);
	}
	/* the pages of the admin's look at the other one */
	http_free(&s->admin);
	http_free(&s->local);
	http_free(&s->api);
	admin_free(&s->operator);
	census_free(&s->status.census);
	serve_wait_for_engine(s, deadline + SERVE_LAST_S * INT64_C(1000000000));
	schedule_free(&s->schedule);
	consumer_free(&s->consumer);
	engine_free(&s->engine);
	documents_stop(&s->documents);
	/* what it has confirmed is deleted by the committer's last unit */
	publisher_stop(&s->publisher);
	serve_stop_committer(s, clock_steady_ns() + SERVE_LAST_S * INT64_C(1000000000));
	metrics_free(&s->status.metrics);
	/* no message is left, so all of them come back */
	current_end(s->graphs);
	serve_reap(s);
	traces_stop(&s->traces);
	if (!s->in_use)
		graph_free(&s->graph);
}

/* The signals that came: whether it is to end, or to reload. */
static void serve_take_signals(int fd, bool *stop, bool *reload)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			*reload = true;
		else
			*stop = true;
	}
}

/* However many ask while one reload runs, one more follows. */
static void serve_wait(struct serve *s, int signals)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = s->asked.fd, .events = POLLIN },
		{ .fd = current_fd(s->graphs), .events = POLLIN },
	};
	bool stop = false, reload;

	while (!stop) {
		poll(fds, ARRAY_LENGTH(fds), -1);
		reload = fds[1].revents & POLLIN;
		serve_take_signals(signals, &stop, &reload);
		serve_reap(s);
		if (reload && !stop)
			serve_reload(s);
	}
	log_info("stopping");
	notify_send("STOPPING=1");
}

void serve_tell_ready(const struct serve *s)
{
	AUTO_FREE char *state = memory_format("STATUS=%s\nREADY=1", s->doing);

	notify_send(state);
}

static int serve_run(struct serve *s, int signals)
{
	struct gantry_error err = ERROR_INIT;
	int status = COMMON_OK;

	log_configure((enum log_form)s->config->log.form,
		      (enum gantry_level)s->config->log.level);
	log_set_sample((unsigned)s->config->log.sample);
	if (serve_start(s, &err) == 0) {
		serve_tell_ready(s);
		serve_start_watchdog(s);
		serve_wait(s, signals);
	} else {
		log_error("%s", err.message);
		status = COMMON_FAILED;
	}
	serve_stop(s);
	error_fini(&err);
	return status;
}

/* NULL if it cannot be; the graph is not counted until it is in use. */
static int serve_make(struct serve *s)
{
	s->graphs = current_new();
	if (s->graphs != NULL && serve_reload_init(s) == 0)
		return COMMON_OK;
	log_error("cannot make an eventfd");
	return COMMON_FAILED;
}

static int serve_main_run(struct serve *s, const sigset_t *set)
{
	int signals = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
	int status = signals < 0 ? COMMON_FAILED : serve_make(s);

	if (status == COMMON_OK)
		status = serve_configure(s);
	/* from here on there are threads */
	plugins_set_trial(s->plugins, trial_spawn);
	if (status == COMMON_OK)
		status = serve_run(s, signals);
	if (signals >= 0)
		close(signals);
	return status;
}

int serve_main(int argc, char **argv)
{
	struct serve s = { .asked.fd = -1 };
	sigset_t set;
	int status;

	serve_block_signals(&set);
	status = common_parse(argc, argv, serve_help, &s.options);
	if (status >= 0)
		return status;
	if (notify_take_sockets(&s.sockets) < 0)
		return COMMON_USAGE;
	s.plugins = trial_plugins(s.options.plugins);
	s.mould = mould_new();
	status = serve_main_run(&s, &set);
	current_free(&s.graphs);
	serve_reload_fini(&s);
	mould_free(&s.mould);
	plugins_free(&s.plugins);
	if (s.config != s.first)
		config_free(&s.config);
	config_free(&s.first);
	return status;
}
