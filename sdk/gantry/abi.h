/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi - the two numbers of the plugin contract.
 *
 * GANTRY_MAJOR changes only when an old plugin could not run any more; it is
 * the name of the plugin folder. GANTRY_LEVEL grows by one with each addition.
 * A plugin says which level it was written for by defining
 * GANTRY_LEVEL_WANTED before the first include; it then runs on that level and
 * every later one of the same major. What each level added stands in NEWS.
 */
#ifndef GANTRY_ABI_H
#define GANTRY_ABI_H

#include <stddef.h>
#include <stdint.h>

#define GANTRY_MAJOR 1
#define GANTRY_LEVEL 1

#ifndef GANTRY_LEVEL_WANTED
#define GANTRY_LEVEL_WANTED GANTRY_LEVEL
#endif

#if GANTRY_LEVEL_WANTED > GANTRY_LEVEL
#error "GANTRY_LEVEL_WANTED is newer than these headers"
#endif

#if defined(__GNUC__)
#define GANTRY_PRINTF(text, first) \
	__attribute__((format(printf, text, first)))
#define GANTRY_EXPORT __attribute__((visibility("default")))
#define GANTRY_NOTE __attribute__((section(".note.gantry"), used, aligned(4)))
#else
#define GANTRY_PRINTF(text, first)
#define GANTRY_EXPORT
#define GANTRY_NOTE
#endif

#endif
