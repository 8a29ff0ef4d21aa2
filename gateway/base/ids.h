/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids - new ids: ULID (D13), UUIDv7 (RFC 9562, D15) and refs.
 *
 * Randomness comes from getrandom(2), buffered by thread.
 */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include <stddef.h>
#include <stdint.h>

#define IDS_ULID 27	/* bytes of text with the NUL */
#define IDS_UUID 37

void ids_random(void *bytes, size_t n);
void ids_ulid(int64_t ms, char text[static IDS_ULID]);
void ids_uuid7(int64_t ms, char text[static IDS_UUID]);

/*
 * A source of refs: positive int64 in time order: 41 bits of milliseconds
 * since 2020, 8 bits of replica, 14 bits of counter (DESIGN.md 5). Any thread.
 */
struct ids_refs {
	_Atomic uint64_t last;	/* milliseconds and counter */
	_Atomic unsigned replica;	/* 0 .. 255 */
};
int64_t ids_ref(struct ids_refs *refs, int64_t now_ms);
/* When it was minted. */
int64_t ids_ref_ms(int64_t ref);

#endif
