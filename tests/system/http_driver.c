/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_driver - the HTTP source over the fake engine, for raw-socket tests.
 *
 * Says "port N library V", then obeys one word a line from stdin: seen,
 * release, cpu (milliseconds of this process), stop MS (stop accepting, drain,
 * say "drained N" with 0 or -1), tls CERT KEY (from now on these files), quit.
 * Numbers by arguments: name=value of the options, and cert, key and ca for TLS.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/pipeline/current.h"
#include "gateway/pipeline/route.h"
#include "gateway/source/http/http.h"
#include "tests/fake/engine.h"

static void driver_live(void *ctx, struct arena *arena, int *status,
			const char **type, const char **text, size_t *len)
{
	(void)ctx;
	(void)arena;
	(void)status;
	*type = "text/plain";
	*text = "alive\n";
	*len = 6;
}

static const struct http_page driver_pages[] = { { "/livez", driver_live, NULL } };

static void driver_option(struct http_options *o, const char *text)
{
	const struct {
		const char *name;
		int64_t *value;
	} rows[] = {
		{ "max_connections", &o->max_connections },
		{ "max_body", &o->max_body },
		{ "max_head", &o->max_head },
		{ "head_ms", &o->head_timeout_ms },
		{ "body_ms", &o->body_timeout_ms },
		{ "idle_ms", &o->idle_timeout_ms },
		{ "request_ms", &o->request_timeout_ms },
	};
	size_t len = strcspn(text, "=");

	if (strncmp(text, "cert=", 5) == 0)
		o->tls.cert_file = text + 5;
	if (strncmp(text, "key=", 4) == 0)
		o->tls.key_file = text + 4;
	if (strncmp(text, "ca=", 3) == 0)
		o->tls.client_ca_file = text + 3;
	if (strncmp(text, "loops=", 6) == 0)
		o->loops = (unsigned)atoi(text + 6);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strlen(rows[i].name) == len && strncmp(rows[i].name, text, len) == 0)
			*rows[i].value = atoll(text + len + 1);
}

static int64_t driver_cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Answers the words of the error, or "tls". */
static void driver_tls(struct http *http, const char *line)
{
	char cert[256], key[256];
	struct http_tls files = { cert, key, NULL };
	struct gantry_error err = ERROR_INIT;

	if (sscanf(line, "tls %255s %255s", cert, key) != 2)
		printf("?\n");
	else if (http_set_tls(http, &files, &err) < 0)
		printf("%s\n", err.message);
	else
		printf("tls\n");
	error_fini(&err);
}

static void driver_obey(struct http *http, struct engine *engine, const char *line)
{
	if (strcmp(line, "seen\n") == 0) {
		printf("%u\n", fake_seen(engine));
	} else if (strcmp(line, "waiting\n") == 0) {
		printf("%u\n", fake_waiting(engine));
	} else if (strcmp(line, "release\n") == 0) {
		fake_release(engine);
		printf("released\n");
	} else if (strcmp(line, "cpu\n") == 0) {
		printf("%lld\n", (long long)driver_cpu_ms());
	} else if (strncmp(line, "tls ", 4) == 0) {
		driver_tls(http, line);
	} else if (strncmp(line, "stop ", 5) == 0) {
		http_stop_accepting(http);
		printf("drained %d\n", http_drain(http, clock_steady_ns() +
						  atoll(line + 5) * 1000000));
	} else {
		printf("?\n");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *const listen[] = { "127.0.0.1:0", NULL };
	struct http_options options = {
		.listen = listen,
		.ops = { .pages = driver_pages, .n_pages = ARRAY_LENGTH(driver_pages) },
	};
	struct gantry_error err = ERROR_INIT;
	struct engine *engine = fake_new();
	struct current *graphs = current_new();
	struct http *http = NULL;
	char line[600];

	for (int i = 1; i < argc; i++)
		driver_option(&options, argv[i]);
	current_set(graphs, (struct graph *)(uintptr_t)fake_graph());
	if (http_start(&options, engine, graphs, &http, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	printf("port %u library %s\n", http_port(http), http_library());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "quit\n") != 0)
		driver_obey(http, engine, line);
	http_free(&http);
	fake_free(&engine);
	current_end(graphs);
	while (current_drained(graphs) == NULL)
		usleep(1000);
	current_free(&graphs);
	printf("bye\n");
	return 0;
}
