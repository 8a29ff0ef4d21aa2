/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret - files that hold secrets (D35): where they are looked for, and that
 * nobody else may read them. gantry_secret() of gantry/option.h is here too.
 */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "gateway/base/arena.h"
#include "gateway/base/error.h"

#define SECRET_MAX_BYTES (64u << 10)

/*
 * The absolute path of a secret file, in arena: a name without '/' is looked
 * for in $CREDENTIALS_DIRECTORY, then counts from folder.
 */
const char *secret_path(const char *name, const char *folder,
			struct arena *arena);

/*
 * That the file, if it is there, is a regular one of mode 0640 or stricter.
 * -1 with err. That it can be read shows when it is used.
 */
int secret_check(const char *path, struct gantry_error *err);

#endif
