/* SPDX-License-Identifier: Apache-2.0 */
/* digest - SHA-256, and secrets compared without telling by time how far. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32
#define DIGEST_SECRET 65	/* 256 bits as text, with the NUL */

void digest_sha256(const void *bytes, size_t len, uint8_t out[static DIGEST_SIZE]);
/* Takes as long for any two. */
bool digest_is_equal(const uint8_t a[static DIGEST_SIZE],
		     const uint8_t b[static DIGEST_SIZE]);
/* 256 random bits in hexadecimal. */
void digest_secret(char out[static DIGEST_SECRET]);

#endif
