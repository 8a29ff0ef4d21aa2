/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash - a keyed hash for tables whose keys come from outside (SipHash-1-3 by
 * Aumasson and Bernstein, keyed once per process).
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t len);
uint64_t hash_number(uint64_t n);

#endif
