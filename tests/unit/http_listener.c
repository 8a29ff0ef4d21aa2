/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_listener - a listener with a handler of its own, as the admin's will
 * be: unix sockets and who is behind them, sockets from outside, IPv6.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/source/http/http.h"
#include "gateway/source/http/listen.h"
#include "tests/fake/engine.h"

struct seen {
	_Atomic unsigned handled, answered;
	bool with_peer;
};

static void handle(void *ctx, struct gantry_message *m)
{
	static const struct message_pair html = { "Content-Type", "text/html" };
	struct seen *seen = ctx;
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;
	bool peer = http_peer(m, &uid, &gid);

	seen->handled++;
	assert_null(m->route);
	assert_int_equal(peer, seen->with_peer);
	if (peer) {
		assert_int_equal(uid, getuid());
		assert_int_equal(gid, getgid());
	}
	m->answer = (struct message_answer){ .status = 201, .headers = &html,
					     .n_headers = 1 };
	m->answer.text = arena_format(&m->arena, "%s %s %.*s", m->method, m->path,
				      (int)m->body_len, m->body == NULL ? "" : m->body);
	m->answer.len = strlen(m->answer.text);
	m->home->answer(m);
}

static _Atomic bool hold, held;

static void handle_held(void *ctx, struct gantry_message *m)
{
	while (hold) {
		held = true;
		usleep(1000);
	}
	handle(ctx, m);
}

static struct gantry_message *_Atomic kept;
static _Atomic bool doubtful;

static void handle_kept(void *ctx, struct gantry_message *m)
{
	(void)ctx;
	kept = m;
}

static bool in_doubt(void *ctx, const struct gantry_message *m)
{
	(void)ctx;
	return doubtful && m == kept;
}

static void answered(void *ctx, const struct gantry_message *m, int64_t ns)
{
	struct seen *seen = ctx;

	assert_int_equal(m->answer.status, 201);
	assert_in_range(ns, 1, INT64_C(5000000000));
	seen->answered++;
}

static struct http *start(struct http_options *options, struct seen *seen)
{
	struct gantry_error err = ERROR_INIT;
	struct http *http = NULL;

	options->ops = (struct http_ops){ .handle = handle, .answered = answered,
					  .ctx = seen, .any_content_type = true };
	if (http_start(options, NULL, NULL, &http, &err) < 0)
		fail_msg("%s", err.message);
	return http;
}

static void ask(const char *text, const char *answer_end)
{
	static const char request[] =
		"POST /x%2f HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
		"Connection: close\r\n\r\nhi";
	struct gantry_error err = ERROR_INIT;
	struct listen_address address;
	char data[1024];
	size_t len = 0;
	ssize_t n;
	int fd;

	assert_int_equal(listen_parse(text, &address, &err), 0);
	fd = socket(address.storage.ss_family, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address.storage, address.len), 0);
	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
	while ((n = read(fd, data + len, sizeof(data) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	data[len] = '\0';
	assert_non_null(strstr(data, "HTTP/1.1 201 Created\r\n"));
	assert_non_null(strstr(data, "\r\nContent-Type: text/html\r\n"));
	assert_null(strstr(data, "application/json"));
	assert_string_equal(strstr(data, "\r\n\r\n") + 4, answer_end);
}

static void finish(struct http **http, struct seen *seen, unsigned requests)
{
	http_stop_accepting(*http);
	assert_int_equal(http_drain(*http, clock_steady_ns() + INT64_C(5000000000)), 0);
	http_free(http);
	assert_null(*http);
	assert_int_equal(seen->handled, requests);
	assert_int_equal(seen->answered, requests);
}

static void *ask_slowly(void *port)
{
	char text[32];

	snprintf(text, sizeof(text), "127.0.0.1:%u", *(unsigned *)port);
	ask(text, "POST /x%2f hi");
	return NULL;
}

/* Within some turns, as nobody knows when a thread gets its own. */
static bool moves_soon(struct http *http)
{
	for (int i = 0; i < 5000; i++) {
		usleep(1000);
		if (http_moves(http))
			return true;
	}
	return false;
}

static void test_a_loop_that_stands_still(void **state)
{
	const char *const listen[] = { "127.0.0.1:0", NULL };
	struct http_options options = { .listen = listen, .loops = 1 };
	struct seen seen = { 0 };
	struct gantry_error err = ERROR_INIT;
	struct http *http = NULL;
	pthread_t client;
	unsigned port;

	(void)state;
	options.ops = (struct http_ops){ .handle = handle_held, .answered = answered,
					 .ctx = &seen, .any_content_type = true };
	assert_int_equal(http_start(&options, NULL, NULL, &http, &err), 0);
	port = http_port(http);
	/* idle, and yet */
	assert_true(http_moves(http));
	for (int i = 0; i < 5; i++)
		assert_true(moves_soon(http));
	hold = true;
	assert_int_equal(pthread_create(&client, NULL, ask_slowly, &port), 0);
	while (!held)
		usleep(1000);
	http_moves(http);
	assert_false(http_moves(http));
	usleep(50000);
	assert_false(http_moves(http));
	hold = false;
	assert_true(moves_soon(http));
	pthread_join(client, NULL);
	finish(&http, &seen, 1);
}

/* Ask, and read to the end of the connection into data, which has room. */
static void ask_for(unsigned port, char *data, size_t room)
{
	static const char request[] = "POST /x HTTP/1.1\r\nHost: a\r\n"
				      "Content-Length: 2\r\n\r\nhi";
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t len = 0;
	ssize_t n;

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
	while ((n = read(fd, data + len, room - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	data[len] = '\0';
}

static void expect_doubt(unsigned port)
{
	int64_t began_ns = clock_steady_ns();
	char data[2048];

	doubtful = true;
	ask_for(port, data, sizeof(data));
	assert_in_range(clock_steady_ns() - began_ns, INT64_C(1500000000),
			INT64_C(30000000000));
	assert_memory_equal(data, "HTTP/1.1 503 ", 13);
	assert_non_null(strstr(data, "\r\nRetry-After: 1\r\n"));
	assert_non_null(strstr(data, "\r\nConnection: close\r\n"));
	assert_non_null(strstr(data, "\"code\":\"STORAGE_UNAVAILABLE\""));
	assert_non_null(strstr(data, "whether it was done is not known yet"));
	doubtful = false;
}

static void answer_kept(void)
{
	struct gantry_message *m = kept;

	m->answer = (struct message_answer){ .status = 201, .text = "late", .len = 4 };
	m->home->answer(m);
}

/* Its answer is for nobody, and the listener goes on; also behind its end. */
static void test_what_is_in_doubt(void **state)
{
	const char *const listen[] = { "127.0.0.1:0", NULL };
	struct http_options options = {
		.listen = listen, .loops = 1,
		.ops = { .handle = handle_kept, .in_doubt = in_doubt,
			 .any_content_type = true },
	};
	struct gantry_error err = ERROR_INIT;
	struct http *http = NULL;

	(void)state;
	assert_int_equal(http_start(&options, NULL, NULL, &http, &err), 0);
	expect_doubt(http_port(http));
	answer_kept();
	expect_doubt(http_port(http));
	/* counted behind the last word */
	for (int i = 0; i < 5000 && http_counts(http).cut < 2; i++)
		usleep(1000);
	assert_int_equal(http_counts(http).cut, 2);
	http_stop_accepting(http);
	assert_int_equal(http_drain(http, clock_steady_ns() + INT64_C(5000000000)), 0);
	http_free(&http);
	answer_kept();
}

static void test_unix_socket_names_its_peer(void **state)
{
	char folder[] = "/tmp/gantry-http-XXXXXX", text[64];
	const char *listen[] = { text, NULL };
	struct http_options options = { .listen = listen };
	struct seen seen = { .with_peer = true };
	struct stat st;
	struct http *http;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(text, sizeof(text), "unix:%s/s", folder);
	http = start(&options, &seen);
	assert_int_equal(stat(text + 5, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	ask(text, "POST /x%2f hi");
	finish(&http, &seen, 1);
	assert_int_equal(stat(text + 5, &st), -1);
	assert_int_equal(rmdir(folder), 0);
}

static void test_a_socket_that_is_in_use_stays(void **state)
{
	char folder[] = "/tmp/gantry-http-XXXXXX", text[64], expected[128];
	const char *listen[] = { text, NULL };
	struct http_options options = { .listen = listen };
	struct seen seen = { .with_peer = true };
	struct gantry_error err = ERROR_INIT;
	struct http *http, *second = NULL;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(text, sizeof(text), "unix:%s/s", folder);
	http = start(&options, &seen);
	assert_int_equal(http_start(&options, NULL, NULL, &second, &err), -1);
	snprintf(expected, sizeof(expected), "http: %s: Address already in use", text);
	assert_string_equal(err.message, expected);
	ask(text, "POST /x%2f hi");
	finish(&http, &seen, 1);
	assert_int_equal(rmdir(folder), 0);
}

static void test_sockets_from_outside(void **state)
{
	struct gantry_error err = ERROR_INIT;
	struct http_options options = { .n_sockets = 2 };
	struct listen_address address;
	struct seen seen = { 0 };
	int fds[2];
	char text[2][32];
	struct http *http;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(listen_parse("127.0.0.1:0", &address, &err), 0);
		fds[i] = listen_open("x", &address, false, &err);
		assert_true(fds[i] >= 0);
		snprintf(text[i], sizeof(text[i]), "127.0.0.1:%u", listen_port(fds[i]));
	}
	options.sockets = fds;
	http = start(&options, &seen);
	ask(text[0], "POST /x%2f hi");
	ask(text[1], "POST /x%2f hi");
	finish(&http, &seen, 2);
}

static void expect_refused(int fd, const char *why)
{
	struct http_options options = { .n_sockets = 1, .sockets = &fd,
					.ops = { .handle = handle } };
	struct gantry_error err = ERROR_INIT;
	struct http *http = NULL;
	char expected[160];

	assert_int_equal(http_start(&options, NULL, NULL, &http, &err), -1);
	snprintf(expected, sizeof(expected), "http: descriptor %d, passed in: %s", fd, why);
	assert_string_equal(err.message, expected);
	assert_null(http);
	error_fini(&err);
}

static void test_what_is_no_listening_socket(void **state)
{
	int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	int silent = socket(AF_INET, SOCK_STREAM, 0);
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_true(datagrams >= 0 && silent >= 0);
	expect_refused(datagrams, "no stream socket of TCP or of a path (ListenStream=)");
	close(datagrams);
	expect_refused(silent, "does not listen (Accept=no)");
	close(silent);
	expect_refused(ends[0], "Socket operation on non-socket");
	close(ends[0]);
	close(ends[1]);
	expect_refused(ends[0], "Bad file descriptor");
}

static void test_several_addresses(void **state)
{
	const char *listen[] = { "127.0.0.1:0", "[::1]:0", NULL };
	struct http_options options = { .listen = listen, .loops = 2 };
	struct gantry_error err = ERROR_INIT;
	struct listen_address address;
	struct seen seen = { 0 };
	struct http *http;
	char text[32];
	int probe;

	(void)state;
	assert_int_equal(listen_parse("[::1]:0", &address, &err), 0);
	probe = listen_open("probe", &address, false, &err);
	if (probe < 0)
		listen[1] = NULL;	/* no IPv6 here */
	else
		close(probe);
	http = start(&options, &seen);
	snprintf(text, sizeof(text), "127.0.0.1:%u", http_port(http));
	for (int i = 0; i < 20; i++)
		ask(text, "POST /x%2f hi");
	finish(&http, &seen, 20);
}

static void test_free_without_stop(void **state)
{
	const char *listen[] = { "127.0.0.1:0", NULL };
	struct http_options options = { .listen = listen };
	struct seen seen = { 0 };
	struct http *http = start(&options, &seen);
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "127.0.0.1:%u", http_port(http));
	ask(text, "POST /x%2f hi");
	http_free(&http);
	http_free(&http);
	assert_int_equal(seen.handled, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_in_doubt),
		cmocka_unit_test(test_unix_socket_names_its_peer),
		cmocka_unit_test(test_a_socket_that_is_in_use_stays),
		cmocka_unit_test(test_sockets_from_outside),
		cmocka_unit_test(test_what_is_no_listening_socket),
		cmocka_unit_test(test_several_addresses),
		cmocka_unit_test(test_free_without_stop),
		cmocka_unit_test(test_a_loop_that_stands_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
