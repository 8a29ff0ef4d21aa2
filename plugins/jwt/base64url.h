/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64url - the one spelling of bytes that RFC 7515 allows: no padding, no
 * spaces, no spare bits set. So two different texts never mean the same bytes.
 */
#ifndef JWT_BASE64URL_H
#define JWT_BASE64URL_H

#include <stddef.h>

/* Bytes that len characters decode to, at most; and the other way. */
#define JWT_BASE64_BYTES(len) ((len) / 4 * 3 + 2)
#define JWT_BASE64_CHARS(n)   (((n)*4 + 2) / 3)

/* 0, or -1 if text is not base64url. out has JWT_BASE64_BYTES(len) bytes. */
int jwt_base64_decode(const char *text, size_t len, unsigned char *out,
		      size_t *n_out);

/* Writes JWT_BASE64_CHARS(n) characters, no NUL; returns their number. */
size_t jwt_base64_encode(const unsigned char *bytes, size_t n, char *out);

#endif
