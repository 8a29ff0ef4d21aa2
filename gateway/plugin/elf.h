/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf - what a plugin's file says about itself before it is loaded.
 *
 * Loading runs constructors and, with RTLD_NOW, dies on a function that this
 * gateway does not have; so all that can be refused is refused from the bytes.
 */
#ifndef PLUGIN_ELF_H
#define PLUGIN_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include <gantry/error.h>

struct elf_numbers {
	uint32_t major, level;
};

/*
 * Check the open file: an ELF shared object of this machine, with the note of
 * gantry/plugin.h for this major and level, that exports its entry and nothing
 * else, calls no gantry_* that offers() does not know, and shares jansson.
 * path is for messages. 0 or -1 with err.
 */
int elf_check(int fd, const char *path, bool (*offers)(const char *symbol),
	      struct elf_numbers *numbers_out, struct gantry_error *err);

#endif
