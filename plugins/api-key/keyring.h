/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring - the keys of a file, read again when it has changed. The old ones
 * stay until the last request that looks into them, and when the new file
 * cannot be used. Any thread, but for new and free.
 */
#ifndef API_KEY_KEYRING_H
#define API_KEY_KEYRING_H

#include <stdint.h>

#include "keys.h"

struct api_key_keyring;

/* path must live as long as the ring. NULL with err. */
struct api_key_keyring *api_key_keyring_new(const char *path,
					    struct gantry_error *err);
void api_key_keyring_free(struct api_key_keyring **ring);

/*
 * Look whether the file is another one, at most once a second. 1: new keys;
 * 0: none; -1 with err: it changed and cannot be used.
 */
int api_key_keyring_refresh(struct api_key_keyring *ring, int64_t now_ms,
			    struct gantry_error *err);

/* The keys of now; the caller releases them. */
struct api_key_keys *api_key_keyring_take(struct api_key_keyring *ring);

#endif
