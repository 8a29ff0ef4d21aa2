/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint - carries the pages of the log over into the file, beside the
 * writer instead of between two of its units.
 *
 * SQLite goes back to the start of the log only if all of it was carried over
 * when a transaction begins. Under load the writer is always ahead of the
 * thread, so at the bound it carries over the rest itself; that is little, as
 * the thread has done most.
 */
#include <stdlib.h>

#include "plugins/sqlite/sqlite.h"

/* The log begins again beyond this many times checkpoint_pages, and at twice
   that at the latest. */
#define CHECKPOINT_BOUND 2

/* PASSIVE never waits for readers: what they still need stays for later. */
static int checkpoint_carry(sqlite3 *db)
{
	return sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE,
					 NULL, NULL);
}

/*
 * SQLite syncs the file only once all of the log is in it, so the writer would
 * wait for all that the thread has carried: sync it here.
 */
static int checkpoint_sync(sqlite3 *db)
{
	sqlite3_file *file = NULL;
	int rc = sqlite3_file_control(db, NULL, SQLITE_FCNTL_FILE_POINTER, &file);

	if (rc != SQLITE_OK || file == NULL || file->pMethods == NULL)
		return rc;
	return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

/* An error is not told: the writer meets it too, and someone waits for that. */
static void checkpoint_run(struct sqlite *s, struct connection *c)
{
	struct gantry_error *none = NULL;
	int rc;

	if (c->db == NULL && connection_mend(s, c, false, none) != GANTRY_STORED)
		return;
	rc = checkpoint_carry(c->db);
	if (rc == SQLITE_OK && s->synchronous != SYNCHRONOUS_OFF)
		rc = checkpoint_sync(c->db);
	if (connection_is_lost(rc))
		connection_close(c);
}

static void *checkpoint_main(void *arg)
{
	struct sqlite *s = arg;
	struct checkpoint *p = &s->checkpoint;

	pthread_setname_np(pthread_self(), "checkpoint");
	pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		if (!p->wanted) {
			pthread_cond_wait(&p->wake, &p->lock);
			continue;
		}
		p->wanted = false;
		p->busy = true;
		pthread_mutex_unlock(&p->lock);
		checkpoint_run(s, p->connection);
		pthread_mutex_lock(&p->lock);
		p->busy = false;
		pthread_cond_broadcast(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* By the writer: what the thread has left. */
static void checkpoint_rest(struct sqlite *s)
{
	struct checkpoint *p = &s->checkpoint;

	pthread_mutex_lock(&p->lock);
	p->wanted = false;
	while (p->busy)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
	checkpoint_carry(s->writer->db);
}

static bool checkpoint_is_busy(struct checkpoint *p)
{
	bool busy;

	pthread_mutex_lock(&p->lock);
	busy = p->busy || p->wanted;
	pthread_mutex_unlock(&p->lock);
	return busy;
}

static void checkpoint_wake(struct checkpoint *p, int pages)
{
	p->told = pages;
	pthread_mutex_lock(&p->lock);
	p->wanted = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

/*
 * After each commit of the writer, with the pages that the log has now. At the
 * bound the thread goes on until what it leaves is little, and that the writer
 * takes; only at twice the bound it waits for the thread.
 */
static int checkpoint_hook(void *context, sqlite3 *db, const char *name, int pages)
{
	struct sqlite *s = context;
	struct checkpoint *p = &s->checkpoint;
	int64_t bound = CHECKPOINT_BOUND * s->checkpoint_pages;
	int64_t enough = pages < bound ? s->checkpoint_pages : s->checkpoint_pages / 16;

	(void)db;
	(void)name;
	if (pages < p->told)
		p->told = 0;	/* it began again */
	if (pages >= 2 * bound)
		checkpoint_rest(s);
	else if (checkpoint_is_busy(p))
		return SQLITE_OK;
	else if (pages - p->told >= enough)
		checkpoint_wake(p, pages);
	else if (pages >= bound)
		checkpoint_rest(s);
	return SQLITE_OK;
}

void checkpoint_follow(struct sqlite *s)
{
	s->checkpoint.told = 0;
	sqlite3_wal_hook(s->writer->db, checkpoint_hook, s);
}

void checkpoint_init(struct checkpoint *p)
{
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_cond_init(&p->done, NULL);
}

void checkpoint_start(struct sqlite *s)
{
	struct checkpoint *p = &s->checkpoint;

	p->connection = connection_memory(sizeof(*p->connection));
	if (pthread_create(&p->thread, NULL, checkpoint_main, s) != 0)
		abort();
	p->started = true;
}

void checkpoint_fini(struct sqlite *s)
{
	struct checkpoint *p = &s->checkpoint;

	if (p->started) {
		pthread_mutex_lock(&p->lock);
		p->stopping = true;
		pthread_cond_signal(&p->wake);
		pthread_mutex_unlock(&p->lock);
		pthread_join(p->thread, NULL);
		connection_close(p->connection);
		free(p->connection);
	}
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
}
