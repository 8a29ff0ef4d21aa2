/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histories_told - the text that a history told: made the same where only chance
 * differs, and compared with another's.
 */
#ifndef TESTS_HISTORIES_TOLD_H
#define TESTS_HISTORIES_TOLD_H

#include <stdint.h>

/* Takes text; what is left, the caller's to free. */
char *told_without_chance(char *text);

/* Fails the test at the first byte that differs from memory's. */
void told_compare(uint64_t number, const char *one, const char *other,
		  const char *storage);

#endif
