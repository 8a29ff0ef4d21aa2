/* SPDX-License-Identifier: Apache-2.0 */
/* hash - see hash.h. */
#include "gateway/base/hash.h"

#include <pthread.h>
#include <string.h>

#include "gateway/base/ids.h"

static uint64_t hash_key[2];

static void hash_seed(void)
{
	ids_random(hash_key, sizeof(hash_key));
}

static inline uint64_t hash_rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void hash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = hash_rotate(v[1], 13) ^ v[0];
	v[0] = hash_rotate(v[0], 32);
	v[2] += v[3];
	v[3] = hash_rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = hash_rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = hash_rotate(v[1], 17) ^ v[2];
	v[2] = hash_rotate(v[2], 32);
}

static inline void hash_word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	hash_round(v);
	v[0] ^= m;
}

uint64_t hash_bytes(const void *bytes, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const unsigned char *p = bytes;
	uint64_t v[4], m = 0;
	size_t left = len;

	pthread_once(&once, hash_seed);
	v[0] = hash_key[0] ^ 0x736f6d6570736575;
	v[1] = hash_key[1] ^ 0x646f72616e646f6d;
	v[2] = hash_key[0] ^ 0x6c7967656e657261;
	v[3] = hash_key[1] ^ 0x7465646279746573;
	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&m, p, 8);
		hash_word(v, m);
	}
	m = 0;
	if (left > 0)
		memcpy(&m, p, left);
	hash_word(v, m | (uint64_t)len << 56);
	v[2] ^= 0xff;
	hash_round(v);
	hash_round(v);
	hash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_number(uint64_t n)
{
	n ^= n >> 32;
	n *= 0x9e3779b97f4a7c15;
	return n ^ n >> 29;
}
