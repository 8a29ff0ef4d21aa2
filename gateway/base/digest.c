/* SPDX-License-Identifier: Apache-2.0 */
/* digest - see digest.h. */
#include "gateway/base/digest.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <string.h>

#include "gateway/base/ids.h"

void digest_sha256(const void *bytes, size_t len, uint8_t out[static DIGEST_SIZE])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, bytes);
	sha256_digest(&ctx, DIGEST_SIZE, out);
	explicit_bzero(&ctx, sizeof(ctx));
}

bool digest_is_equal(const uint8_t a[static DIGEST_SIZE],
		     const uint8_t b[static DIGEST_SIZE])
{
	return memeql_sec(a, b, DIGEST_SIZE) == 1;
}

void digest_secret(char out[static DIGEST_SECRET])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[(DIGEST_SECRET - 1) / 2];

	ids_random(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[DIGEST_SECRET - 1] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
}
