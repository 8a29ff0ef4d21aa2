/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sized - structs of a plugin, which begin with their size: one of an older
 * level ends sooner than ours, and what lies behind its end is not to be read.
 */
#ifndef BASE_SIZED_H
#define BASE_SIZED_H

#include <stddef.h>
#include <string.h>

/* What theirs has into ours of size bytes; what it does not have is zero. */
static inline void sized_take(void *ours, size_t size, const void *theirs)
{
	size_t n;

	memcpy(&n, theirs, sizeof(n));
	n = n < size ? n : size;
	memcpy(ours, theirs, n);
	memset((char *)ours + n, 0, size - n);
	memcpy(ours, &size, sizeof(size));
}

#endif
