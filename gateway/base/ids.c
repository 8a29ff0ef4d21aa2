/* SPDX-License-Identifier: Apache-2.0 */
/* ids - see ids.h. */
#include "gateway/base/ids.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define IDS_EPOCH_MS INT64_C(1577836800000) /* 2020-01-01 */

void ids_random(void *bytes, size_t n)
{
	static _Thread_local unsigned char pool[256];
	static _Thread_local size_t left;

	assert(n <= sizeof(pool));
	if (left < n) {
		if (getrandom(pool, sizeof(pool), 0) != (ssize_t)sizeof(pool))
			abort();
		left = sizeof(pool);
	}
	left -= n;
	memcpy(bytes, pool + left, n);
	memset(pool + left, 0, n);
}

void ids_ulid(int64_t ms, char text[static IDS_ULID])
{
	static const char digit[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned char r[16];

	ids_random(r, sizeof(r));
	for (int i = 9; i >= 0; i--, ms >>= 5)
		text[i] = digit[ms & 31];
	for (int i = 0; i < 16; i++)
		text[10 + i] = digit[r[i] & 31];
	text[26] = '\0';
}

void ids_uuid7(int64_t ms, char text[static IDS_UUID])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char b[16];
	char *p = text;

	ids_random(b + 6, 10);
	for (int i = 5; i >= 0; i--, ms >>= 8)
		b[i] = (unsigned char)ms;
	b[6] = 0x70 | (b[6] & 0x0f);
	b[8] = 0x80 | (b[8] & 0x3f);
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[b[i] >> 4];
		*p++ = hex[b[i] & 15];
	}
	*p = '\0';
}

int64_t ids_ref(struct ids_refs *refs, int64_t now_ms)
{
	uint64_t now, last, next, replica;

	now = now_ms > IDS_EPOCH_MS ? (uint64_t)(now_ms - IDS_EPOCH_MS) << 14 : 0;
	last = atomic_load_explicit(&refs->last, memory_order_relaxed);
	do
		next = now > last ? now : last + 1;
	while (!atomic_compare_exchange_weak(&refs->last, &last, next));
	replica = atomic_load_explicit(&refs->replica, memory_order_relaxed);
	return (int64_t)((next >> 14) << 22 | replica << 14 | (next & 0x3fff));
}

int64_t ids_ref_ms(int64_t ref)
{
	return (ref >> 22) + IDS_EPOCH_MS;
}
