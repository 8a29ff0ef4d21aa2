/* SPDX-License-Identifier: Apache-2.0 */
/* keyring - see keyring.h. */
#include "keyring.h"

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

struct api_key_keyring {
	const char *path;
	_Atomic int64_t looked_ms;	/* whoever moves it may look */
	pthread_mutex_t looking;	/* outer; guards seen */
	struct keyring_stamp seen;
	pthread_mutex_t lock;		/* inner; guards keys */
	struct api_key_keys *keys;
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

static struct api_key_keys *keyring_read(const char *path, struct gantry_error *err)
{
	struct api_key_keys *keys;
	size_t len;
	char *text = gantry_secret(path, &len, err);

	if (text == NULL)
		return NULL;
	keys = api_key_keys_new(text, len, err);
	gantry_secret_free(&text, len);
	return keys;
}

struct api_key_keyring *api_key_keyring_new(const char *path,
					    struct gantry_error *err)
{
	struct api_key_keyring *ring = calloc(1, sizeof(*ring));

	if (ring == NULL) {
		gantry_fail(err, "out of memory");
		return NULL;
	}
	ring->path = path;
	pthread_mutex_init(&ring->looking, NULL);
	pthread_mutex_init(&ring->lock, NULL);
	ring->seen = keyring_stamp(path);	/* before, so no change is missed */
	ring->keys = keyring_read(path, err);
	if (ring->keys == NULL)
		api_key_keyring_free(&ring);
	return ring;
}

void api_key_keyring_free(struct api_key_keyring **ring)
{
	struct api_key_keyring *r = *ring;

	*ring = NULL;
	if (r == NULL)
		return;
	api_key_keys_release(&r->keys);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->looking);
	free(r);
}

/* A clock that was set back must not stop the looking. */
static bool keyring_is_due(struct api_key_keyring *ring, int64_t now_ms)
{
	int64_t last = atomic_load_explicit(&ring->looked_ms, memory_order_relaxed);

	if (now_ms < last + KEYRING_LOOK_MS && now_ms > last - KEYRING_LOOK_MS)
		return false;
	return atomic_compare_exchange_strong(&ring->looked_ms, &last, now_ms);
}

static int keyring_look(struct api_key_keyring *ring, struct gantry_error *err)
{
	struct keyring_stamp stamp = keyring_stamp(ring->path);
	struct api_key_keys *keys, *old;

	if (memcmp(&stamp, &ring->seen, sizeof(stamp)) == 0)
		return 0;
	ring->seen = stamp;
	keys = keyring_read(ring->path, err);
	if (keys == NULL)
		return -1;
	pthread_mutex_lock(&ring->lock);
	old = ring->keys;
	ring->keys = keys;
	pthread_mutex_unlock(&ring->lock);
	api_key_keys_release(&old);
	return 1;
}

/* Who finds another thread looking goes on with the keys that there are. */
int api_key_keyring_refresh(struct api_key_keyring *ring, int64_t now_ms,
			    struct gantry_error *err)
{
	int rc;

	if (!keyring_is_due(ring, now_ms) ||
	    pthread_mutex_trylock(&ring->looking) != 0)
		return 0;
	rc = keyring_look(ring, err);
	pthread_mutex_unlock(&ring->looking);
	return rc;
}

struct api_key_keys *api_key_keyring_take(struct api_key_keyring *ring)
{
	struct api_key_keys *keys;

	pthread_mutex_lock(&ring->lock);
	keys = api_key_keys_hold(ring->keys);
	pthread_mutex_unlock(&ring->lock);
	return keys;
}
