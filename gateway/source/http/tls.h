/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - who we are to those that connect, and whom we let in: certificate, key
 * and CAs from their files, checked, and given to each new connection. A new
 * one can take its place while connections of the old one go on. Knows nothing
 * of libmicrohttpd, which speaks the protocol.
 */
#ifndef SOURCE_HTTP_TLS_H
#define SOURCE_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gantry_error;
struct http_tls;
struct tls;

/*
 * Read and check the files. 0, or -1 with err ("/etc/x.pem: ...") and in
 * *option_out the option that names the file. Not whether it is valid today.
 * The caller releases. Any thread.
 */
int tls_new(const struct http_tls *files, struct tls **tls_out,
	    const char **option_out, struct gantry_error *err);
struct tls *tls_hold(struct tls *tls);
void tls_release(struct tls **tls);

/* -1 with err if it has expired or is not valid yet. */
int tls_check_time(const struct tls *tls, int64_t now_ms, struct gantry_error *err);
/* When the certificate expires, ms since 1970. */
int64_t tls_expires_ms(const struct tls *tls);

/*
 * A gnutls_certificate_retrieve_function2 that has none: a session that did not
 * get tls_begin() fails.
 */
void *tls_no_certificate(void);

/*
 * A session that has not begun: it must end before tls is released. -1: then
 * it can only be closed. A session is a gnutls_session_t.
 */
int tls_begin(struct tls *tls, void *session);
/* A last word and the end of a session, as far as that can go without waiting. */
void tls_last_word(void *session, const char *text, size_t len);

#endif
