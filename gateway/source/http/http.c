/* SPDX-License-Identifier: Apache-2.0 */
/* http - see http.h. A listener: its options, its sockets, its loops. */
#include "gateway/source/http/http.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/source/http/listen.h"
#include "gateway/source/http/request.h"
#include "gateway/source/http/tls.h"

#define HTTP_SPARE_FILES 256
#define HTTP_DAY_MS INT64_C(86400000)
#define HTTP_EXPIRES_SOON_MS (14 * HTTP_DAY_MS)

static int64_t http_default(int64_t value, int64_t otherwise)
{
	return value > 0 ? value : otherwise;
}

/* Storage, broker, upstreams and logs need files, too. */
static int64_t http_connections_by_files(void)
{
	struct rlimit limit;
	int64_t n = 4096;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return n;
	if (n > (int64_t)limit.rlim_cur - HTTP_SPARE_FILES)
		n = (int64_t)limit.rlim_cur - HTTP_SPARE_FILES;
	return n > 64 ? n : 64;
}

static void http_set_defaults(struct http_options *o)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (o->loops == 0)
		o->loops = cores <= 2 ? 1 : cores >= 8 ? 4 : (unsigned)cores / 2;
	o->max_connections = http_default(o->max_connections,
					  http_connections_by_files());
	o->max_body = http_default(o->max_body, 1 << 20);
	o->max_head = http_default(o->max_head, 16 << 10);
	o->head_timeout_ms = http_default(o->head_timeout_ms, 10000);
	o->body_timeout_ms = http_default(o->body_timeout_ms, 30000);
	o->idle_timeout_ms = http_default(o->idle_timeout_ms, 60000);
	o->request_timeout_ms = http_default(o->request_timeout_ms, 30000);
	if (o->unix_mode == 0)
		o->unix_mode = 0660;
}

static int http_check(const struct http_options *o, struct gantry_error *err)
{
	if (o->max_body > HTTP_MAX_BODY)
		return gantry_fail(err, "http: max_body: at most 64 MiB");
	if (o->max_head < 1024 || o->max_head > 1 << 20)
		return gantry_fail(err, "http: max_head: 1 KiB to 1 MiB");
	if (o->loops > HTTP_MAX_LOOPS || o->n_sockets > HTTP_MAX_LOOPS)
		return gantry_fail(err, "http: loops: at most %d", HTTP_MAX_LOOPS);
	if (o->n_sockets == 0 && (o->listen == NULL || o->listen[0] == NULL))
		return gantry_fail(err, "http: no address to listen on");
	return 0;
}

struct http_sockets {
	int fd[HTTP_MAX_LOOPS];
	unsigned n;
};

static void http_close_sockets(struct http_sockets *s)
{
	while (s->n > 0)
		if (s->fd[--s->n] >= 0)
			close(s->fd[s->n]);
}

static int http_take_sockets(const struct http_options *o, struct http_sockets *s,
			     struct gantry_error *err)
{
	for (unsigned i = 0; i < o->n_sockets; i++) {
		if (listen_take(o->sockets[i], err) < 0)
			return error_prefix(err, "http");
		s->fd[s->n++] = o->sockets[i];
	}
	return 0;
}

/* All loops of one address share its port, also if the kernel chose it. */
static int http_open_address(struct http *http, const char *text,
			     struct http_sockets *s, struct gantry_error *err)
{
	struct listen_address address;
	unsigned loops = http->options.loops;
	socklen_t len = sizeof(address.storage);

	if (listen_parse(text, &address, err) < 0)
		return -1;
	if (address.unix_path != NULL)
		loops = 1;
	for (unsigned i = 0; i < loops; i++) {
		int fd;

		if (s->n == HTTP_MAX_LOOPS)
			return gantry_fail(err, "%s: more than %d loops", text,
					   HTTP_MAX_LOOPS);
		fd = listen_open(text, &address, loops > 1, err);
		if (fd < 0)
			return -1;
		s->fd[s->n++] = fd;
		len = sizeof(address.storage);
		if (address.unix_path == NULL)
			getsockname(fd, (struct sockaddr *)&address.storage, &len);
	}
	if (address.unix_path == NULL)
		return 0;
	free(http->unix_path);
	http->unix_path = memory_text(address.unix_path);
	if (chmod(address.unix_path, http->options.unix_mode) < 0)
		return gantry_fail(err, "%s: %s", text, strerror(errno));
	return 0;
}

static int http_open_sockets(struct http *http, struct http_sockets *s,
			     struct gantry_error *err)
{
	const struct http_options *o = &http->options;

	if (o->n_sockets > 0)
		return http_take_sockets(o, s, err);
	for (unsigned i = 0; o->listen[i] != NULL; i++)
		if (http_open_address(http, o->listen[i], s, err) < 0)
			return error_prefix(err, "http");
	return 0;
}

/* The certificate is good, but perhaps not today: serving says so and goes on. */
static int http_start_tls(struct http *http, struct gantry_error *err)
{
	struct http_tls *files = &http->options.tls;
	int64_t now_ms = clock_now_ms();
	const char *option;

	if (files->cert_file == NULL)
		return 0;
	if (tls_new(files, &http->tls, &option, err) < 0)
		return error_prefix(err, "http: %s", option);
	if (tls_check_time(http->tls, now_ms, err) < 0)
		log_error("http: %s: %s", files->cert_file, err->message);
	else if (tls_expires_ms(http->tls) - now_ms < HTTP_EXPIRES_SOON_MS)
		log_warning("http: %s: the certificate expires in less than %d days",
			    files->cert_file,
			    (int)((tls_expires_ms(http->tls) - now_ms) / HTTP_DAY_MS) + 1);
	error_reset(err);
	return 0;
}

struct tls *http_take_tls(struct http *http)
{
	struct tls *tls;

	pthread_mutex_lock(&http->lock);
	tls = tls_hold(http->tls);
	pthread_mutex_unlock(&http->lock);
	return tls;
}

int http_set_tls(struct http *http, const struct http_tls *files,
		 struct gantry_error *err)
{
	const char *option;
	struct tls *tls, *old;

	if (http->tls == NULL)
		return gantry_fail(err, "http: TLS begins with a restart");
	if (tls_new(files, &tls, &option, err) < 0)
		return error_prefix(err, "http: %s", option);
	pthread_mutex_lock(&http->lock);
	old = http->tls;
	http->tls = tls;
	pthread_mutex_unlock(&http->lock);
	tls_release(&old);
	return 0;
}

int http_check_tls(const struct http_tls *files, int64_t now_ms,
		   const char **option_out, struct gantry_error *err)
{
	struct tls *tls;
	int rc;

	if (tls_new(files, &tls, option_out, err) < 0)
		return -1;
	rc = tls_check_time(tls, now_ms, err);
	tls_release(&tls);
	if (rc == 0)
		return 0;
	*option_out = "cert_file";
	return error_prefix(err, "%s", files->cert_file);
}

static int http_make_loops(struct http *http, struct http_sockets *s,
			   struct gantry_error *err)
{
	unsigned max = (unsigned)(http->options.max_connections / s->n);

	for (unsigned i = 0; i < s->n && http->port == 0; i++)
		http->port = listen_port(s->fd[i]);
	for (unsigned i = 0; i < s->n; i++) {
		struct http_loop *loop =
			loop_new(http, s->fd[i], max > 0 ? max : 1, err);

		s->fd[i] = -1;
		if (loop == NULL)
			return -1;
		http->loops[http->n_loops++] = loop;
	}
	s->n = 0;
	return 0;
}

/* Signals are for the main thread. */
static int http_start_loops(struct http *http, struct gantry_error *err)
{
	sigset_t all, before;
	int failed = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (http->n_started < http->n_loops && failed == 0) {
		failed = pthread_create(&http->threads[http->n_started], NULL,
					loop_run, http->loops[http->n_started]);
		http->n_started += failed == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed == 0 ? 0 : gantry_fail(err, "http: cannot start a thread: %s",
					     strerror(failed));
}

int http_start(const struct http_options *options, struct engine *engine,
	       struct current *graphs, struct http **http_out,
	       struct gantry_error *err)
{
	struct http *http = memory_new(sizeof(*http));
	struct http_sockets sockets = { .n = 0 };
	pthread_condattr_t attr;

	assert(options->ops.handle != NULL || (engine != NULL && graphs != NULL));
	http->options = *options;
	http->engine = engine;
	http->graphs = graphs;
	pthread_mutex_init(&http->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&http->quiet, &attr);
	pthread_condattr_destroy(&attr);
	http_set_defaults(&http->options);
	if (http_check(&http->options, err) == 0 &&
	    http_start_tls(http, err) == 0 &&
	    http_open_sockets(http, &sockets, err) == 0 &&
	    http_make_loops(http, &sockets, err) == 0 &&
	    http_start_loops(http, err) == 0) {
		/* not ours to keep */
		http->options.listen = NULL;
		http->options.sockets = NULL;
		http->options.tls = (struct http_tls){ 0 };
		*http_out = http;
		return 0;
	}
	http_close_sockets(&sockets);
	http_free(&http);
	return -1;
}

unsigned http_port(const struct http *http)
{
	return http->port;
}

struct http_counts http_counts(const struct http *http)
{
	struct http_counts counts = { 0 };

	for (unsigned i = 0; i < http->n_loops; i++) {
		counts.open += atomic_load(&http->loops[i]->open);
		counts.cut += atomic_load(&http->loops[i]->cut);
	}
	return counts;
}

bool http_moves(struct http *http)
{
	bool all = true;

	for (unsigned i = 0; i < http->n_started; i++)
		all = loop_moves(http->loops[i]) && all;
	return all;
}

void http_set_limits(struct http *http, const struct http_limits *limits)
{
	for (unsigned i = 0; i < http->n_loops; i++)
		loop_bound(http->loops[i], limits);
}

void http_stop_accepting(struct http *http)
{
	for (unsigned i = 0; i < http->n_started; i++)
		loop_tell(http->loops[i], false);
}

int http_drain(struct http *http, int64_t deadline_ns)
{
	const struct timespec until = {
		.tv_sec = deadline_ns / 1000000000,
		.tv_nsec = deadline_ns % 1000000000,
	};
	bool quiet;

	pthread_mutex_lock(&http->lock);
	while (http->n_quiet < http->n_started)
		if (pthread_cond_timedwait(&http->quiet, &http->lock, &until) != 0)
			break;
	quiet = http->n_quiet == http->n_started;
	pthread_mutex_unlock(&http->lock);
	return quiet ? 0 : -1;
}

void http_free(struct http **http_p)
{
	struct http *http = *http_p;

	if (http == NULL)
		return;
	*http_p = NULL;
	for (unsigned i = 0; i < http->n_started; i++)
		loop_tell(http->loops[i], true);
	for (unsigned i = 0; i < http->n_started; i++)
		pthread_join(http->threads[i], NULL);
	for (unsigned i = 0; i < http->n_loops; i++)
		loop_free(http->loops[i]);
	if (http->unix_path != NULL)
		unlink(http->unix_path);
	free(http->unix_path);
	pthread_cond_destroy(&http->quiet);
	tls_release(&http->tls);
	pthread_mutex_destroy(&http->lock);
	free(http);
}

bool http_peer(const struct gantry_message *m, uid_t *uid_out, gid_t *gid_out)
{
	const struct http_request *r = m->home_data;
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(r->connection->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
	    cred.pid == 0)
		return false;
	*uid_out = cred.uid;
	*gid_out = cred.gid;
	return true;
}

bool http_peer_is_in(const struct gantry_message *m, gid_t group)
{
	const struct http_request *r = m->home_data;
	gid_t groups[256];
	socklen_t len = sizeof(groups);

	if (getsockopt(r->connection->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

const char *http_library(void)
{
	return MHD_get_version();
}

bool http_library_is_strict(void)
{
	return strverscmp(MHD_get_version(), "1.0.0") >= 0;
}
