/* SPDX-License-Identifier: Apache-2.0 */
/* plugins - see plugins.h. */
#include "gateway/plugin/plugins.h"

#include <assert.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/config/nearest.h"
#include "gateway/plugin/descriptor.h"
#include "gateway/plugin/elf.h"

struct plugins_file {
	struct plugins_file *next;
	const char *path;
	struct stat st;			/* which file it was */
	const struct gantry_plugin *plugin;
	bool replaced;
};

struct plugins {
	struct arena arena;
	const char *folder;
	plugins_trial *trial;		/* NULL: none */
	struct plugins_file *files;
};

/* A file on its way in. */
struct plugins_open {
	const char *path;
	const char *name;		/* short */
	int fd;
	struct stat st;
};

struct plugins *plugins_new(const char *folder)
{
	struct plugins *p = memory_new(sizeof(*p));

	p->folder = arena_text(&p->arena, folder);
	return p;
}

void plugins_free(struct plugins **plugins)
{
	if (*plugins == NULL)
		return;
	arena_fini(&(*plugins)->arena);
	free(*plugins);
	*plugins = NULL;
}

static int plugins_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **plugins_names(const struct plugins *plugins, struct gantry_error *err)
{
	DIR *dir = opendir(plugins->folder);
	char **names = memory_new(sizeof(*names));
	struct dirent *entry;
	size_t n = 0;

	if (dir == NULL) {
		gantry_fail(err, "%s: cannot read: %s", plugins->folder,
			    strerror(errno));
		free(names);
		return NULL;
	}
	while ((entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len <= 3 || entry->d_name[0] == '.' ||
		    strcmp(entry->d_name + len - 3, ".so") != 0)
			continue;
		names = memory_grow(names, n + 2, sizeof(*names));
		names[n++] = memory_text_n(entry->d_name, len - 3);
		names[n] = NULL;
	}
	closedir(dir);
	qsort(names, n, sizeof(*names), plugins_compare);
	return names;
}

void plugins_names_free(char ***names)
{
	for (char **at = *names; at != NULL && *at != NULL; at++)
		free(*at);
	free(*names);
	*names = NULL;
}

/* A name that is not there: which one could be meant. */
static int plugins_missing(const struct plugins *plugins, const char *name,
			   struct gantry_error *err)
{
	struct nearest near = { .wrong = name };
	struct arena arena = { 0 };
	char **names = plugins_names(plugins, err);

	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		nearest_try(&near, names[i]);
	if (names != NULL)
		gantry_fail(err, "%s: there is no plugin %s.so%s",
			    plugins->folder, name, nearest_hint(&near, &arena));
	plugins_names_free(&names);
	arena_fini(&arena);
	return -1;
}

/* Who else could write it could have any code run here. */
static int plugins_check_owner(const char *path, const struct stat *st,
			       struct gantry_error *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return gantry_fail(err, "%s: belongs to user %u; it must "
					"belong to root or to user %u", path,
				   st->st_uid, geteuid());
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return gantry_fail(err, "%s: others may write it (mode %04o); "
					"chmod go-w it", path,
				   st->st_mode & 07777);
	return 0;
}

static int plugins_open_folder(const char *path, struct gantry_error *err)
{
	char *folder AUTO_FREE = memory_text(path);
	char *slash = strrchr(folder, '/');
	struct stat st;
	int fd;

	if (slash == folder)
		slash++;
	*slash = '\0';
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return gantry_fail(err, "%s: cannot open: %s", folder,
				   strerror(errno));
	if (fstat(fd, &st) == 0 && plugins_check_owner(folder, &st, err) == 0)
		return fd;
	close(fd);
	return -1;
}

static int plugins_open_file(struct plugins_open *o, struct gantry_error *err)
{
	int folder = plugins_open_folder(o->path, err);

	if (folder < 0)
		return -1;
	o->fd = openat(folder, strrchr(o->path, '/') + 1,
		       O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	close(folder);
	if (o->fd < 0 || fstat(o->fd, &o->st) < 0)
		return gantry_fail(err, "%s: cannot open: %s", o->path,
				   strerror(errno));
	if (!S_ISREG(o->st.st_mode))
		return gantry_fail(err, "%s: is not a regular file", o->path);
	return plugins_check_owner(o->path, &o->st, err);
}

static bool plugins_is_offered(const char *symbol)
{
	return dlsym(RTLD_DEFAULT, symbol) != NULL;
}

static int plugins_prefix(const struct plugins_open *o,
			  struct gantry_error *err)
{
	return error_prefix(err, "%s", o->path);
}

/* dlopen's own words, without the name of the descriptor. */
static int plugins_fail_dl(const struct plugins_open *o,
			   struct gantry_error *err)
{
	const char *why = dlerror(), *colon;

	if (why == NULL)
		why = "unknown reason";
	colon = strncmp(why, "/proc/self/fd/", 14) == 0 ? strchr(why, ' ') :
							  NULL;
	if (colon != NULL)
		why = colon + 1;
	return gantry_fail(err, "%s: cannot be loaded: %s%s", o->path, why,
			   strstr(why, "undefined symbol") != NULL ?
				   "; link it with the library that has it" : "");
}

/*
 * From dlopen() on the descriptor stays open: its number must not come again,
 * or the next file under that name would be taken for this one.
 */
static const struct gantry_plugin *plugins_run(struct plugins *plugins,
					       struct plugins_open *o,
					       struct gantry_error *err)
{
	const struct gantry_plugin *(*entry)(void);
	const struct gantry_plugin *plugin;
	char *name AUTO_FREE = memory_format("/proc/self/fd/%d", o->fd);
	void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL) {
		plugins_fail_dl(o, err);
		return NULL;
	}
	o->fd = -1;
	*(void **)&entry = dlsym(handle, "gantry_plugin_entry");
	assert(entry != NULL);	/* elf_check() saw it */
	plugin = descriptor_copy(entry(), o->name, &plugins->arena, err);
	if (plugin == NULL)
		plugins_prefix(o, err);
	return plugin;
}

static bool plugins_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The file as it is now, if it is loaded; older ones are marked. */
static struct plugins_file *plugins_find(struct plugins *plugins,
					 const struct plugins_open *o)
{
	struct plugins_file *found = NULL;

	for (struct plugins_file *f = plugins->files; f != NULL; f = f->next) {
		if (strcmp(f->path, o->path) != 0)
			continue;
		f->replaced = !plugins_is_same(&f->st, &o->st);
		if (!f->replaced)
			found = f;
	}
	return found;
}

/* The same file with other bytes: what runs is made of them, and may crash. */
static bool plugins_is_overwritten(const struct plugins *plugins,
				   const struct plugins_open *o)
{
	for (const struct plugins_file *f = plugins->files; f != NULL; f = f->next)
		if (f->st.st_dev == o->st.st_dev && f->st.st_ino == o->st.st_ino &&
		    !plugins_is_same(&f->st, &o->st))
			return true;
	return false;
}

void plugins_set_trial(struct plugins *plugins, plugins_trial *trial)
{
	plugins->trial = trial;
}

static const struct gantry_plugin *plugins_take(struct plugins *plugins,
						struct plugins_open *o,
						struct gantry_error *err)
{
	struct plugins_file *file = plugins_find(plugins, o);
	const struct gantry_plugin *plugin;
	struct elf_numbers numbers;

	if (file != NULL)
		return file->plugin;
	if (plugins_is_overwritten(plugins, o)) {
		gantry_fail(err, "%s: was overwritten while it is in use; put a new "
				 "file in its place (install, mv) and restart", o->path);
		return NULL;
	}
	if (elf_check(o->fd, o->path, plugins_is_offered, &numbers, err) < 0)
		return NULL;
	if (plugins->trial != NULL && plugins->trial(o->path, err) < 0)
		return NULL;
	plugin = plugins_run(plugins, o, err);
	if (plugin == NULL)
		return NULL;
	file = arena_zero(&plugins->arena, sizeof(*file));
	file->path = arena_text(&plugins->arena, o->path);
	file->st = o->st;
	file->plugin = plugin;
	file->next = plugins->files;
	plugins->files = file;
	return plugin;
}

/* The short name of a path: what stands between the last / and .so. */
static char *plugins_short(const char *path)
{
	const char *base = strrchr(path, '/') + 1;
	size_t len = strlen(base);

	if (len > 3 && strcmp(base + len - 3, ".so") == 0)
		len -= 3;
	return memory_text_n(base, len);
}

const struct gantry_plugin *plugins_load(struct plugins *plugins,
					 const char *name,
					 struct gantry_error *err)
{
	bool absolute = *name == '/';
	char *path AUTO_FREE = absolute ? memory_text(name) :
					  memory_format("%s/%s.so",
							plugins->folder, name);
	char *brief AUTO_FREE = NULL;
	struct plugins_open o = { .path = path, .fd = -1 };
	const struct gantry_plugin *plugin = NULL;

	if (!absolute && strchr(name, '/') != NULL) {
		gantry_fail(err, "\"%s\" is neither a plugin's name nor an "
				 "absolute path", name);
		return NULL;
	}
	if (!absolute && access(path, F_OK) < 0) {
		plugins_missing(plugins, name, err);
		return NULL;
	}
	o.name = brief = plugins_short(path);
	if (plugins_open_file(&o, err) == 0)
		plugin = plugins_take(plugins, &o, err);
	if (o.fd >= 0)
		close(o.fd);
	return plugin;
}

const char *plugins_folder(const struct plugins *plugins)
{
	return plugins->folder;
}

const char *plugins_path(const struct plugins *plugins,
			 const struct gantry_plugin *plugin)
{
	for (const struct plugins_file *f = plugins->files; f != NULL;
	     f = f->next)
		if (f->plugin == plugin)
			return f->path;
	return NULL;
}

unsigned plugins_replaced(const struct plugins *plugins)
{
	unsigned n = 0;

	for (const struct plugins_file *f = plugins->files; f != NULL;
	     f = f->next)
		n += f->replaced;
	return n;
}
