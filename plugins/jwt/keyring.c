/* SPDX-License-Identifier: Apache-2.0 */
/* keyring - see keyring.h. */
#include "keyring.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <gantry/option.h>

#define KEYRING_LOOK_MS 1000

/* Which content of the file was read, as far as stat(2) can tell. */
struct keyring_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	int error;
};

struct jwt_keyring {
	const char *path;
	enum jwt_algorithm algorithm;
	_Atomic int64_t looked_ms; /* whoever moves it has the right to look */
	_Atomic uint64_t generation;
	pthread_mutex_t looking; /* outer; guards seen */
	struct keyring_stamp seen;
	pthread_mutex_t lock; /* inner; guards keys, and its generation */
	struct jwt_keys *keys;
};

static struct keyring_stamp keyring_stamp(const char *path)
{
	struct keyring_stamp stamp;
	struct stat st;

	memset(&stamp, 0, sizeof(stamp));
	if (stat(path, &st) < 0) {
		stamp.error = errno;
		return stamp;
	}
	stamp.dev = st.st_dev;
	stamp.ino = st.st_ino;
	stamp.size = st.st_size;
	stamp.mtime = st.st_mtim;
	stamp.ctime = st.st_ctim;
	return stamp;
}

static struct jwt_keys *keyring_read(const struct jwt_keyring *ring,
				     struct gantry_error *err)
{
	struct jwt_key_source source = { .algorithm = ring->algorithm,
					 .operation = "verify" };
	struct jwt_keys *keys;
	char *secret;

	secret = gantry_secret(ring->path, &source.len, err);
	if (secret == NULL)
		return NULL;
	source.bytes = secret;
	keys = jwt_keys_new(&source, err);
	gantry_secret_free(&secret, source.len);
	return keys;
}

struct jwt_keyring *jwt_keyring_new(const char *path,
				    enum jwt_algorithm algorithm,
				    struct gantry_error *err)
{
	struct jwt_keyring *ring = calloc(1, sizeof(*ring));

	if (ring == NULL) {
		gantry_fail(err, "out of memory");
		return NULL;
	}
	ring->path = path;
	ring->algorithm = algorithm;
	pthread_mutex_init(&ring->looking, NULL);
	pthread_mutex_init(&ring->lock, NULL);
	if (path == NULL)
		return ring;
	ring->seen = keyring_stamp(path); /* before, so no change is missed */
	ring->keys = keyring_read(ring, err);
	if (ring->keys == NULL)
		jwt_keyring_free(&ring);
	return ring;
}

void jwt_keyring_free(struct jwt_keyring **ring)
{
	struct jwt_keyring *r = *ring;

	*ring = NULL;
	if (r == NULL)
		return;
	if (r->keys != NULL)
		jwt_keys_release(&r->keys);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->looking);
	free(r);
}

/* A clock that was set back must not stop the looking; messages of several
   threads, a little out of order, must not make it more frequent. */
static bool keyring_is_due(struct jwt_keyring *ring, int64_t now_ms)
{
	int64_t last =
		atomic_load_explicit(&ring->looked_ms, memory_order_relaxed);

	if (now_ms < last + KEYRING_LOOK_MS && now_ms > last - KEYRING_LOOK_MS)
		return false;
	return atomic_compare_exchange_strong(&ring->looked_ms, &last, now_ms);
}

/* The old keys go with their last user. */
static void keyring_put(struct jwt_keyring *ring, struct jwt_keys *keys)
{
	struct jwt_keys *old;

	assert(keys != NULL);
	pthread_mutex_lock(&ring->lock);
	old = ring->keys;
	ring->keys = keys;
	atomic_fetch_add(&ring->generation, 1);
	pthread_mutex_unlock(&ring->lock);
	if (old != NULL)
		jwt_keys_release(&old);
}

int jwt_keyring_set(struct jwt_keyring *ring, const char *bytes, size_t len,
		    struct gantry_error *err)
{
	struct jwt_key_source source = { .bytes = bytes, .len = len,
					 .algorithm = ring->algorithm,
					 .operation = "verify" };
	struct jwt_keys *keys;

	if (bytes[strspn(bytes, " \t\r\n")] != '{')
		return gantry_fail(err, "not a JWK Set");
	keys = jwt_keys_new(&source, err);
	if (keys == NULL)
		return -1;
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->key[i].algorithm != JWT_HS256)
			continue;
		jwt_keys_release(&keys);
		return gantry_fail(err, "holds a secret, which everybody can read there");
	}
	keyring_put(ring, keys);
	return 0;
}

static int keyring_look(struct jwt_keyring *ring, struct gantry_error *err)
{
	struct keyring_stamp stamp = keyring_stamp(ring->path);
	struct jwt_keys *keys;

	if (memcmp(&stamp, &ring->seen, sizeof(stamp)) == 0)
		return 0;
	ring->seen = stamp;
	keys = keyring_read(ring, err);
	if (keys == NULL)
		return -1;
	keyring_put(ring, keys);
	return 1;
}

/* Who finds another thread looking goes on with the keys that there are. */
int jwt_keyring_refresh(struct jwt_keyring *ring, int64_t now_ms,
			struct gantry_error *err)
{
	int rc;

	if (ring->path == NULL || !keyring_is_due(ring, now_ms) ||
	    pthread_mutex_trylock(&ring->looking) != 0)
		return 0;
	rc = keyring_look(ring, err);
	pthread_mutex_unlock(&ring->looking);
	return rc;
}

uint64_t jwt_keyring_generation(const struct jwt_keyring *ring)
{
	return atomic_load(&ring->generation);
}

struct jwt_keys *jwt_keyring_take(struct jwt_keyring *ring,
				  uint64_t *generation_out)
{
	struct jwt_keys *keys;

	pthread_mutex_lock(&ring->lock);
	keys = ring->keys != NULL ? jwt_keys_hold(ring->keys) : NULL;
	*generation_out = atomic_load(&ring->generation);
	pthread_mutex_unlock(&ring->lock);
	return keys;
}
