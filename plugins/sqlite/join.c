/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join - a VFS around another one. Its log files gather what is written piece
 * after piece and hand it on in one call; its database files are synced as they
 * are written.
 *
 * SQLite writes a page to its log in two calls, its head and itself: for a unit
 * of 40 allocations that is near 200 calls, a tenth of what the unit costs. With
 * synchronous=FULL nobody looks at what a commit wrote before it was synced, and
 * a sync hands on first; so only the writer's log is opened through this, and
 * only then.
 *
 * The database file is written when the log is carried over: thousands of pages
 * anywhere in it. Synced all at once they keep the disk busy for tens of
 * milliseconds, and each commit of that time waits behind them; synced every
 * so many pages, one waits for these at most.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/sqlite/sqlite.h"

/* SQLite's own VFS takes no more in one call. */
#define JOIN_ROOM 0x1ffff

/*
 * Of the database file, between two syncs. With 64 pages the thread that carries
 * them over falls behind a file of 400,000 allocations, and commits wait for it:
 * p99 of 64 clients 37 ms, with 256 pages 8 ms, with 1024 pages 10 ms.
 */
#define JOIN_UNSYNCED (256 * 4096)

struct join_file {
	sqlite3_file base;
	sqlite3_file *real;		/* behind this struct */
	char *bytes;			/* JOIN_ROOM, of a log; not handed on yet: */
	sqlite3_int64 at;		/* they belong there */
	int n;
	int unsynced;			/* bytes, of a database file */
};

static int join_flush(struct join_file *f)
{
	int n = f->n;

	f->n = 0;
	return n == 0 ? SQLITE_OK :
			f->real->pMethods->xWrite(f->real, f->bytes, n, f->at);
}

static int join_close(sqlite3_file *file)
{
	struct join_file *f = (struct join_file *)file;
	int rc = join_flush(f);
	int closed = f->real->pMethods->xClose(f->real);

	free(f->bytes);
	return rc != SQLITE_OK ? rc : closed;
}

static int join_read(sqlite3_file *file, void *into, int n, sqlite3_int64 at)
{
	struct join_file *f = (struct join_file *)file;
	int rc = join_flush(f);

	return rc != SQLITE_OK ? rc : f->real->pMethods->xRead(f->real, into, n, at);
}

static int join_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	struct join_file *f = (struct join_file *)file;
	int rc = SQLITE_OK;

	if (f->n > 0 && (at != f->at + f->n || f->n + n > JOIN_ROOM))
		rc = join_flush(f);
	if (rc != SQLITE_OK)
		return rc;
	if (n > JOIN_ROOM)
		return f->real->pMethods->xWrite(f->real, bytes, n, at);
	if (f->bytes == NULL)
		f->bytes = connection_memory(JOIN_ROOM);
	if (f->n == 0)
		f->at = at;
	memcpy(f->bytes + f->n, bytes, (size_t)n);
	f->n += n;
	return SQLITE_OK;
}

static int join_write_synced(sqlite3_file *file, const void *bytes, int n,
			     sqlite3_int64 at)
{
	struct join_file *f = (struct join_file *)file;
	int rc = f->real->pMethods->xWrite(f->real, bytes, n, at);

	f->unsynced += n;
	if (rc != SQLITE_OK || f->unsynced < JOIN_UNSYNCED)
		return rc;
	f->unsynced = 0;
	return f->real->pMethods->xSync(f->real,
					SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

static int join_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct join_file *f = (struct join_file *)file;
	int rc = join_flush(f);

	return rc != SQLITE_OK ? rc : f->real->pMethods->xTruncate(f->real, size);
}

static int join_sync(sqlite3_file *file, int flags)
{
	struct join_file *f = (struct join_file *)file;
	int rc = join_flush(f);

	return rc != SQLITE_OK ? rc : f->real->pMethods->xSync(f->real, flags);
}

static int join_size(sqlite3_file *file, sqlite3_int64 *size_out)
{
	struct join_file *f = (struct join_file *)file;
	int rc = join_flush(f);

	return rc != SQLITE_OK ? rc : f->real->pMethods->xFileSize(f->real, size_out);
}

static int join_lock(sqlite3_file *file, int level)
{
	struct join_file *f = (struct join_file *)file;

	return f->real->pMethods->xLock(f->real, level);
}

static int join_unlock(sqlite3_file *file, int level)
{
	struct join_file *f = (struct join_file *)file;

	return f->real->pMethods->xUnlock(f->real, level);
}

static int join_is_reserved(sqlite3_file *file, int *reserved_out)
{
	struct join_file *f = (struct join_file *)file;

	return f->real->pMethods->xCheckReservedLock(f->real, reserved_out);
}

static int join_control(sqlite3_file *file, int op, void *argument)
{
	struct join_file *f = (struct join_file *)file;

	return f->real->pMethods->xFileControl(f->real, op, argument);
}

static int join_sector(sqlite3_file *file)
{
	struct join_file *f = (struct join_file *)file;

	return f->real->pMethods->xSectorSize(f->real);
}

static int join_traits(sqlite3_file *file)
{
	struct join_file *f = (struct join_file *)file;

	return f->real->pMethods->xDeviceCharacteristics(f->real);
}

static int join_shm_map(sqlite3_file *file, int region, int size, int extend,
			void volatile **out)
{
	struct join_file *f = (struct join_file *)file;

	return f->real->pMethods->xShmMap(f->real, region, size, extend, out);
}

static int join_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	struct join_file *f = (struct join_file *)file;

	return f->real->pMethods->xShmLock(f->real, offset, n, flags);
}

static void join_shm_barrier(sqlite3_file *file)
{
	struct join_file *f = (struct join_file *)file;

	f->real->pMethods->xShmBarrier(f->real);
}

static int join_shm_unmap(sqlite3_file *file, int remove)
{
	struct join_file *f = (struct join_file *)file;

	return f->real->pMethods->xShmUnmap(f->real, remove);
}

#define JOIN_METHODS							\
	.xClose = join_close, .xRead = join_read, .xTruncate = join_truncate, \
	.xSync = join_sync, .xFileSize = join_size, .xLock = join_lock,	\
	.xUnlock = join_unlock, .xCheckReservedLock = join_is_reserved,	\
	.xFileControl = join_control, .xSectorSize = join_sector,	\
	.xDeviceCharacteristics = join_traits

/* A log needs no shared memory: version 1. */
static const sqlite3_io_methods join_log = {
	JOIN_METHODS, .iVersion = 1, .xWrite = join_write,
};

/* Never mapped (mmap_size=0): not version 3. */
static const sqlite3_io_methods join_database = {
	JOIN_METHODS, .iVersion = 2, .xWrite = join_write_synced,
	.xShmMap = join_shm_map, .xShmLock = join_shm_lock,
	.xShmBarrier = join_shm_barrier, .xShmUnmap = join_shm_unmap,
};

static int join_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		     int *flags_out)
{
	struct join_file *f = (struct join_file *)file;
	sqlite3_vfs *real = vfs->pAppData;
	int rc;

	if ((flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)) == 0)
		return real->xOpen(real, name, file, flags, flags_out);
	*f = (struct join_file){ .real = (sqlite3_file *)(f + 1) };
	rc = real->xOpen(real, name, f->real, flags, flags_out);
	if (rc != SQLITE_OK)
		return rc;	/* pMethods is NULL: it will not be closed */
	f->base.pMethods = (flags & SQLITE_OPEN_WAL) != 0 ? &join_log : &join_database;
	return SQLITE_OK;
}

const char *join_over(struct join *j, const char *over)
{
	sqlite3_vfs *real = sqlite3_vfs_find(over);

	if (j->vfs.zName != NULL)
		return j->name;
	if (real == NULL)
		return over;	/* whoever opens it says that it is not there */
	j->vfs = *real;
	j->vfs.pNext = NULL;
	j->vfs.pAppData = real;
	j->vfs.szOsFile = (int)sizeof(struct join_file) + real->szOsFile;
	j->vfs.xOpen = join_open;
	/* by its address: every instance has one of its own */
	sqlite3_snprintf(sizeof(j->name), j->name, "gantry-join-%p", (void *)j);
	j->vfs.zName = j->name;
	sqlite3_vfs_register(&j->vfs, 0);
	return j->name;
}

void join_unregister(struct join *j)
{
	if (j->vfs.zName != NULL)
		sqlite3_vfs_unregister(&j->vfs);
	j->vfs.zName = NULL;
}
