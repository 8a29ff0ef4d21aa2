/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - the senders of a key file: text to a table, and a key to its sender.
 *
 * A table does not change once it is read; who uses it holds it, so that a new
 * one can take its place at any time. Does no I/O and knows no message.
 */
#ifndef API_KEY_KEYS_H
#define API_KEY_KEYS_H

#include <gantry/error.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define API_KEY_MAX 1024u	/* senders in a file */
#define API_KEY_ROLES 16
#define API_KEY_NAME_MAX 128u
#define API_KEY_HASH 32
/* What is shorter was made up by a person, and can be guessed from its hash. */
#define API_KEY_SHORTEST 32u
#define API_KEY_LONGEST 256u

struct api_key_sender {
	unsigned char hash[API_KEY_HASH];
	const char *name;
	const char *roles[API_KEY_ROLES];
	unsigned n_roles;
};

struct api_key_keys {
	atomic_uint references;
	char *text;		/* names and roles point into it */
	unsigned n;
	struct api_key_sender sender[];
};

/*
 * Read the lines "name role[,role]... hash" of text, which has a NUL behind
 * its len bytes. NULL with err, which names the line. The caller releases.
 */
struct api_key_keys *api_key_keys_new(const char *text, size_t len,
				      struct gantry_error *err);
struct api_key_keys *api_key_keys_hold(struct api_key_keys *keys);
void api_key_keys_release(struct api_key_keys **keys);

/*
 * Whose key this is, or NULL. Takes the same time for every key that is not
 * there, and whichever it is that is. Any thread.
 */
const struct api_key_sender *api_key_keys_find(const struct api_key_keys *keys,
					       const char *key, size_t len);

/* Names of senders and roles: 1 to 128 of A-Z a-z 0-9 . _ : @ / + - */
bool api_key_is_name(const char *text);

/* The hash that the file has of a key. */
void api_key_hash(const char *key, size_t len, unsigned char *hash_out);

#endif
