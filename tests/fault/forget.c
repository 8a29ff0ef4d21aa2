/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forget - an SQLite VFS for tests: what was not synced is lost with the
 * process, as after a loss of power.
 *
 * To be preloaded into the daemon (LD_PRELOAD); it brings the same libsqlite3
 * that the storage plugin links, and registers the VFS "forget" there. What is
 * written to a database or its log stays in memory, where every connection of
 * the process sees it; xSync alone takes it to the file. So kill -9 forgets
 * all else. FORGET_KEEP=N: N of 100 writes get to the file at once as well, as
 * a disk may do in any order, so that what is left is torn.
 *
 * Locks and shared memory are those of the VFS below. Nobody else may look
 * into the file meanwhile: the shared index speaks of what only this process
 * has. It knows nothing of Gantry.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define FORGET_CHUNK 4096
#define FORGET_KINDS (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)

/* A file as the process sees it; lives as long as the file has its name. */
struct forget_content {
	struct forget_content *next;
	char *path;
	sqlite3_int64 size;
	sqlite3_int64 real;	/* so much of the file below still counts */
	bool cut;		/* what is behind that must go */
	unsigned char **chunks;	/* NULL: as in the file below */
	sqlite3_int64 room;
};

struct forget_world {
	sqlite3_vfs vfs;
	sqlite3_vfs *below;
	unsigned keep;		/* percent */
	unsigned seed;
	pthread_mutex_t lock;	/* of all that is above and of all contents */
	struct forget_content *contents;
};

/* The file of the VFS below stands behind it. */
struct forget_file {
	sqlite3_file base;
	struct forget_world *world;
	struct forget_content *content;
	sqlite3_file below[];
};

static sqlite3_file *forget_below(sqlite3_file *file)
{
	return ((struct forget_file *)file)->below;
}

static sqlite3_int64 forget_least(sqlite3_int64 a, sqlite3_int64 b)
{
	return a < b ? a : b;
}

/* What the file below has of these bytes, as far as it counts; p is zeroed. */
static int forget_read_below(struct forget_file *f, unsigned char *p,
			     sqlite3_int64 n, sqlite3_int64 at)
{
	int rc;

	n = forget_least(n, f->content->real - at);
	if (n <= 0)
		return SQLITE_OK;
	rc = f->below->pMethods->xRead(f->below, p, (int)n, at);
	return rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc;
}

static unsigned char *forget_chunk(const struct forget_content *c, sqlite3_int64 n)
{
	return n < c->room ? c->chunks[n] : NULL;
}

static int forget_grow(struct forget_content *c, sqlite3_int64 n)
{
	sqlite3_int64 room = c->room == 0 ? 256 : c->room;
	unsigned char **chunks;

	while (room <= n)
		room *= 2;
	chunks = realloc(c->chunks, (size_t)room * sizeof(*chunks));
	if (chunks == NULL)
		return SQLITE_IOERR_NOMEM;
	memset(chunks + c->room, 0, (size_t)(room - c->room) * sizeof(*chunks));
	c->chunks = chunks;
	c->room = room;
	return SQLITE_OK;
}

/* The chunk to write into, as it was so far. */
static int forget_own_chunk(struct forget_file *f, sqlite3_int64 n,
			    unsigned char **chunk_out)
{
	struct forget_content *c = f->content;
	unsigned char *chunk;
	int rc = n >= c->room ? forget_grow(c, n) : SQLITE_OK;

	if (rc != SQLITE_OK)
		return rc;
	*chunk_out = c->chunks[n];
	if (*chunk_out != NULL)
		return SQLITE_OK;
	chunk = calloc(1, FORGET_CHUNK);
	if (chunk == NULL)
		return SQLITE_IOERR_NOMEM;
	rc = forget_read_below(f, chunk, FORGET_CHUNK, n * FORGET_CHUNK);
	if (rc != SQLITE_OK) {
		free(chunk);
		return rc;
	}
	*chunk_out = c->chunks[n] = chunk;
	return SQLITE_OK;
}

static void forget_drop_chunks(struct forget_content *c, sqlite3_int64 from)
{
	for (sqlite3_int64 i = from; i < c->room; i++) {
		free(c->chunks[i]);
		c->chunks[i] = NULL;
	}
}

static int forget_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	struct forget_file *f = (struct forget_file *)file;
	sqlite3_int64 end, len;
	int rc = SQLITE_OK;

	memset(p, 0, (size_t)n);
	pthread_mutex_lock(&f->world->lock);
	end = forget_least(at + n, f->content->size);
	for (sqlite3_int64 i = at; i < end && rc == SQLITE_OK; i += len) {
		const unsigned char *chunk = forget_chunk(f->content, i / FORGET_CHUNK);
		unsigned char *to = (unsigned char *)p + (i - at);

		len = forget_least(FORGET_CHUNK - i % FORGET_CHUNK, end - i);
		if (chunk != NULL)
			memcpy(to, chunk + i % FORGET_CHUNK, (size_t)len);
		else
			rc = forget_read_below(f, to, len, i);
	}
	pthread_mutex_unlock(&f->world->lock);
	return rc == SQLITE_OK && end < at + n ? SQLITE_IOERR_SHORT_READ : rc;
}

static int forget_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct forget_file *f = (struct forget_file *)file;
	sqlite3_int64 len;
	int rc = SQLITE_OK;

	pthread_mutex_lock(&f->world->lock);
	for (sqlite3_int64 i = at; i < at + n && rc == SQLITE_OK; i += len) {
		unsigned char *chunk;

		len = forget_least(FORGET_CHUNK - i % FORGET_CHUNK, at + n - i);
		rc = forget_own_chunk(f, i / FORGET_CHUNK, &chunk);
		if (rc == SQLITE_OK)
			memcpy(chunk + i % FORGET_CHUNK,
			       (const unsigned char *)p + (i - at), (size_t)len);
	}
	if (rc == SQLITE_OK && at + n > f->content->size)
		f->content->size = at + n;
	if (rc == SQLITE_OK && (unsigned)rand_r(&f->world->seed) % 100 < f->world->keep)
		rc = f->below->pMethods->xWrite(f->below, p, n, at);
	pthread_mutex_unlock(&f->world->lock);
	return rc;
}

static int forget_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct forget_file *f = (struct forget_file *)file;
	struct forget_content *c = f->content;
	sqlite3_int64 rest = size % FORGET_CHUNK;
	unsigned char *last;

	pthread_mutex_lock(&f->world->lock);
	forget_drop_chunks(c, (size + FORGET_CHUNK - 1) / FORGET_CHUNK);
	last = forget_chunk(c, size / FORGET_CHUNK);
	if (last != NULL)
		memset(last + rest, 0, (size_t)(FORGET_CHUNK - rest));
	if (size < c->real) {
		c->real = size;
		c->cut = true;
	}
	c->size = size;
	pthread_mutex_unlock(&f->world->lock);
	return SQLITE_OK;
}

/* Into the file below: what was cut off, what was written, the size. */
static int forget_bring(struct forget_file *f)
{
	const struct sqlite3_io_methods *below = f->below->pMethods;
	struct forget_content *c = f->content;
	int rc = c->cut ? below->xTruncate(f->below, c->real) : SQLITE_OK;

	for (sqlite3_int64 i = 0; i < c->room && rc == SQLITE_OK; i++) {
		sqlite3_int64 at = i * FORGET_CHUNK;

		if (c->chunks[i] != NULL)
			rc = below->xWrite(f->below, c->chunks[i],
					   (int)forget_least(FORGET_CHUNK, c->size - at),
					   at);
	}
	if (rc != SQLITE_OK)
		return rc;
	forget_drop_chunks(c, 0);
	c->real = c->size;
	c->cut = false;
	return below->xTruncate(f->below, c->size);
}

static int forget_sync(sqlite3_file *file, int flags)
{
	struct forget_file *f = (struct forget_file *)file;
	int rc;

	pthread_mutex_lock(&f->world->lock);
	rc = forget_bring(f);
	if (rc == SQLITE_OK)
		rc = f->below->pMethods->xSync(f->below, flags);
	pthread_mutex_unlock(&f->world->lock);
	return rc;
}

static int forget_file_size(sqlite3_file *file, sqlite3_int64 *size_out)
{
	struct forget_file *f = (struct forget_file *)file;

	pthread_mutex_lock(&f->world->lock);
	*size_out = f->content->size;
	pthread_mutex_unlock(&f->world->lock);
	return SQLITE_OK;
}

/* What the VFS below does as it is. */

static int forget_close(sqlite3_file *file)
{
	return forget_below(file)->pMethods->xClose(forget_below(file));
}

static int forget_lock(sqlite3_file *file, int level)
{
	return forget_below(file)->pMethods->xLock(forget_below(file), level);
}

static int forget_unlock(sqlite3_file *file, int level)
{
	return forget_below(file)->pMethods->xUnlock(forget_below(file), level);
}

static int forget_check(sqlite3_file *file, int *locked_out)
{
	return forget_below(file)->pMethods->xCheckReservedLock(forget_below(file),
								locked_out);
}

static int forget_control(sqlite3_file *file, int what, void *arg)
{
	return forget_below(file)->pMethods->xFileControl(forget_below(file), what, arg);
}

static int forget_sector(sqlite3_file *file)
{
	return forget_below(file)->pMethods->xSectorSize(forget_below(file));
}

static int forget_device(sqlite3_file *file)
{
	return forget_below(file)->pMethods->xDeviceCharacteristics(forget_below(file));
}

static int forget_shm_map(sqlite3_file *file, int page, int size, int extend,
			  void volatile **out)
{
	return forget_below(file)->pMethods->xShmMap(forget_below(file), page, size,
						     extend, out);
}

static int forget_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return forget_below(file)->pMethods->xShmLock(forget_below(file), offset, n,
						      flags);
}

static void forget_shm_barrier(sqlite3_file *file)
{
	forget_below(file)->pMethods->xShmBarrier(forget_below(file));
}

static int forget_shm_unmap(sqlite3_file *file, int drop)
{
	return forget_below(file)->pMethods->xShmUnmap(forget_below(file), drop);
}

/* Version 2: without xFetch, which would map the file below. */
static const struct sqlite3_io_methods forget_methods = {
	.iVersion = 2,
	.xClose = forget_close,
	.xRead = forget_read,
	.xWrite = forget_write,
	.xTruncate = forget_truncate,
	.xSync = forget_sync,
	.xFileSize = forget_file_size,
	.xLock = forget_lock,
	.xUnlock = forget_unlock,
	.xCheckReservedLock = forget_check,
	.xFileControl = forget_control,
	.xSectorSize = forget_sector,
	.xDeviceCharacteristics = forget_device,
	.xShmMap = forget_shm_map,
	.xShmLock = forget_shm_lock,
	.xShmBarrier = forget_shm_barrier,
	.xShmUnmap = forget_shm_unmap,
};

/* The place of the content of this name: where it is, or the end. */
static struct forget_content **forget_find(struct forget_world *w, const char *path)
{
	struct forget_content **at = &w->contents;

	while (*at != NULL && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	return at;
}

static int forget_meet(struct forget_file *f, const char *path)
{
	struct forget_content **at = forget_find(f->world, path), *c = *at;
	int rc;

	if (c == NULL) {
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			return SQLITE_NOMEM;
		c->path = strdup(path);
		rc = f->below->pMethods->xFileSize(f->below, &c->size);
		if (c->path == NULL || rc != SQLITE_OK) {
			free(c->path);
			free(c);
			return rc != SQLITE_OK ? rc : SQLITE_NOMEM;
		}
		c->real = c->size;
		*at = c;
	}
	f->content = c;
	return SQLITE_OK;
}

static int forget_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file,
		       int flags, int *flags_out)
{
	struct forget_world *w = vfs->pAppData;
	struct forget_file *f = (struct forget_file *)file;
	int rc;

	if ((flags & FORGET_KINDS) == 0)
		return w->below->xOpen(w->below, path, file, flags, flags_out);
	f->base.pMethods = NULL;
	f->world = w;
	rc = w->below->xOpen(w->below, path, f->below, flags, flags_out);
	if (rc == SQLITE_OK) {
		pthread_mutex_lock(&w->lock);
		rc = forget_meet(f, path);
		pthread_mutex_unlock(&w->lock);
		if (rc != SQLITE_OK)
			f->below->pMethods->xClose(f->below);
	}
	if (rc == SQLITE_OK)
		f->base.pMethods = &forget_methods;
	return rc;
}

/* Open files of this name keep the content, as they keep the inode. */
static int forget_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	struct forget_world *w = vfs->pAppData;
	struct forget_content **at;

	pthread_mutex_lock(&w->lock);
	at = forget_find(w, path);
	if (*at != NULL)
		*at = (*at)->next;
	pthread_mutex_unlock(&w->lock);
	return w->below->xDelete(w->below, path, sync);
}

/* Below, a file without a byte passes for none. */
static int forget_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	struct forget_world *w = vfs->pAppData;
	const struct forget_content *c;
	bool here;

	pthread_mutex_lock(&w->lock);
	c = *forget_find(w, path);
	here = c != NULL && c->size > 0;
	pthread_mutex_unlock(&w->lock);
	if (here && flags == SQLITE_ACCESS_EXISTS) {
		*out = 1;
		return SQLITE_OK;
	}
	return w->below->xAccess(w->below, path, flags, out);
}

static int forget_full_pathname(sqlite3_vfs *vfs, const char *path, int n, char *out)
{
	struct forget_world *w = vfs->pAppData;

	return w->below->xFullPathname(w->below, path, n, out);
}

/* Lives as long as the process. */
__attribute__((constructor)) static void forget_register(void)
{
	struct forget_world *w = calloc(1, sizeof(*w));
	const char *keep = getenv("FORGET_KEEP");

	if (w == NULL || sqlite3_initialize() != SQLITE_OK)
		abort();
	w->below = sqlite3_vfs_find(NULL);
	w->keep = keep != NULL ? (unsigned)atoi(keep) : 0;
	sqlite3_randomness(sizeof(w->seed), &w->seed);
	pthread_mutex_init(&w->lock, NULL);
	w->vfs = *w->below;	/* time, randomness, errors */
	w->vfs.pNext = NULL;
	w->vfs.pAppData = w;
	w->vfs.zName = "forget";
	w->vfs.szOsFile = (int)sizeof(struct forget_file) + w->below->szOsFile;
	w->vfs.xOpen = forget_open;
	w->vfs.xDelete = forget_delete;
	w->vfs.xAccess = forget_access;
	w->vfs.xFullPathname = forget_full_pathname;
	if (sqlite3_vfs_register(&w->vfs, 0) != SQLITE_OK)
		abort();
}
