/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web - an HTTP server as a test wants it, on loopback: what a path begins with
 * says how it behaves, also in ways that no good server does.
 *
 *	/ok			200 {"data":"ok"}
 *	/status/503		that status, {}
 *	/after/2/503		the same with Retry-After: 2
 *	/fail/2/503		so twice, then /ok
 *	/late/300		/ok 300 ms later
 *	/close, /reset		no answer; by FIN or RST
 *	/close/1		so once, then /ok
 *	/short			fewer bytes than Content-Length says
 *	/drip			a byte each 20 ms, for ever
 *	/huge, /long		chunks without end; a Content-Length of 1 GiB
 *	/head			headers without end
 *	/text			200, no JSON
 *	/junk			no HTTP at all
 *	/leave			/ok, then the connection is closed without a word
 *	/token			401 unless web->token is in the request
 */
#ifndef TESTS_FAKE_WEB_H
#define TESTS_FAKE_WEB_H

#include <pthread.h>

#define WEB_CONNECTIONS 256
#define WEB_HEAD 16384

struct web {
	int listener;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;		/* of all that follows */
	int fds[WEB_CONNECTIONS];
	pthread_t threads[WEB_CONNECTIONS];
	unsigned n;			/* connections ever */
	unsigned requests;		/* ever */
	unsigned now, most;		/* being answered, and the most at once */
	unsigned failed;		/* of /fail and /close/ */
	char head[WEB_HEAD];		/* of the last request, with its body */
	const char *token;
};

void web_start(struct web *web);
void web_stop(struct web *web);

/* Counts from here on. */
void web_reset(struct web *web);
unsigned web_requests(struct web *web);

#endif
