/* SPDX-License-Identifier: Apache-2.0 */
/* keys - see keys.h. */
#include "keys.h"

#include <assert.h>
#include <nettle/sha2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_BLANK " \t\r"

_Static_assert(API_KEY_HASH == SHA256_DIGEST_SIZE, "the hash is SHA-256");

bool api_key_is_name(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789._:@/+-";
	size_t len = strlen(text);

	return len > 0 && len <= API_KEY_NAME_MAX && strspn(text, allowed) == len;
}

void api_key_hash(const char *key, size_t len, unsigned char *hash_out)
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, (const uint8_t *)key);
	sha256_digest(&ctx, API_KEY_HASH, hash_out);
}

static int keys_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool keys_read_hash(const char *hex, unsigned char *out)
{
	if (strlen(hex) != 2 * API_KEY_HASH)
		return false;
	for (size_t i = 0; i < API_KEY_HASH; i++) {
		int high = keys_digit(hex[2 * i]), low = keys_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high * 16 + low);
	}
	return true;
}

static int keys_read_roles(struct api_key_sender *sender, char *list,
			   unsigned line, struct gantry_error *err)
{
	char *role;

	while ((role = strsep(&list, ",")) != NULL) {
		if (!api_key_is_name(role))
			return gantry_fail(err, "line %u: \"%s\" is no name of a role",
					   line, role);
		if (sender->n_roles == API_KEY_ROLES)
			return gantry_fail(err, "line %u: more than %d roles", line,
					   API_KEY_ROLES);
		sender->roles[sender->n_roles++] = role;
	}
	return 0;
}

/* The next word of a line; NULL behind the last. */
static char *keys_word(char **at)
{
	char *word;

	*at += strspn(*at, KEYS_BLANK);
	word = *at;
	*at += strcspn(word, KEYS_BLANK);
	if (*at == word)
		return NULL;
	if (**at != '\0')
		*(*at)++ = '\0';
	return word;
}

/* What stands where a hash should may be a key: it is not repeated. */
static int keys_read_sender(struct api_key_sender *sender, char *at, unsigned line,
			    struct gantry_error *err)
{
	char *name = keys_word(&at), *roles = keys_word(&at);
	const char *hash = keys_word(&at);

	if (hash == NULL || keys_word(&at) != NULL)
		return gantry_fail(err, "line %u: not \"name role[,role] hash\"", line);
	if (!api_key_is_name(name))
		return gantry_fail(err, "line %u: \"%s\" is no name of a sender",
				   line, name);
	sender->name = name;
	if (!keys_read_hash(hash, sender->hash))
		return gantry_fail(err, "line %u: the hash is not 64 of 0-9 and a-f",
				   line);
	return keys_read_roles(sender, roles, line, err);
}

static int keys_add(struct api_key_keys *keys, char *at, unsigned line,
		    struct gantry_error *err)
{
	struct api_key_sender *sender = &keys->sender[keys->n];

	at += strspn(at, KEYS_BLANK);
	if (*at == '\0' || *at == '#')
		return 0;
	if (keys->n == API_KEY_MAX)
		return gantry_fail(err, "line %u: more than %u keys", line,
				   API_KEY_MAX);
	if (keys_read_sender(sender, at, line, err) < 0)
		return -1;
	for (unsigned i = 0; i < keys->n; i++)
		if (memcmp(keys->sender[i].hash, sender->hash, API_KEY_HASH) == 0)
			return gantry_fail(err, "line %u: this key stands in the "
					   "file before", line);
	keys->n++;
	return 0;
}

static int keys_read(struct api_key_keys *keys, size_t len, struct gantry_error *err)
{
	char *rest = keys->text, *at;
	unsigned line = 0;

	if (memchr(keys->text, '\0', len) != NULL)
		return gantry_fail(err, "not a text");
	while ((at = strsep(&rest, "\n")) != NULL)
		if (keys_add(keys, at, ++line, err) < 0)
			return -1;
	return 0;
}

struct api_key_keys *api_key_keys_new(const char *text, size_t len,
				      struct gantry_error *err)
{
	struct api_key_keys *keys = calloc(1, sizeof(*keys) +
						      (API_KEY_MAX + 1) *
							      sizeof(keys->sender[0]));

	if (keys != NULL)
		keys->text = malloc(len + 1);
	if (keys == NULL || keys->text == NULL) {
		free(keys);
		gantry_fail(err, "out of memory");
		return NULL;
	}
	atomic_init(&keys->references, 1);
	memcpy(keys->text, text, len);
	keys->text[len] = '\0';
	if (keys_read(keys, len, err) < 0)
		api_key_keys_release(&keys);
	return keys;
}

struct api_key_keys *api_key_keys_hold(struct api_key_keys *keys)
{
	atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
	return keys;
}

void api_key_keys_release(struct api_key_keys **keys)
{
	struct api_key_keys *k = *keys;
	unsigned before;

	*keys = NULL;
	if (k == NULL)
		return;
	before = atomic_fetch_sub_explicit(&k->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before > 1)
		return;
	free(k->text);
	free(k);
}

/* All ones if the two are the same, else 0, in a time that does not say. */
static uint64_t keys_same(const uint64_t *a, const unsigned char *hash)
{
	uint64_t b[API_KEY_HASH / 8], different = 0;

	memcpy(b, hash, sizeof(b));
	for (size_t i = 0; i < API_KEY_HASH / 8; i++)
		different |= a[i] ^ b[i];
	/* the top bit of x | -x is set unless x is 0 */
	return ((different | (0 - different)) >> 63) - 1;
}

const struct api_key_sender *api_key_keys_find(const struct api_key_keys *keys,
					       const char *key, size_t len)
{
	uint64_t hash[API_KEY_HASH / 8];
	uint64_t at = 0;

	if (len < API_KEY_SHORTEST || len > API_KEY_LONGEST)
		return NULL;
	api_key_hash(key, len, (unsigned char *)hash);
	for (uint64_t i = 0; i < keys->n; i++)
		at |= (i + 1) & keys_same(hash, keys->sender[i].hash);
	return at == 0 ? NULL : &keys->sender[at - 1];
}
