/* SPDX-License-Identifier: Apache-2.0 */
/* secret - see secret.h. */
#include "gateway/config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gantry/option.h>

#include "gateway/base/memory.h"

#define SECRET_LOOSE 0137	/* any of these bits is too many */

const char *secret_path(const char *name, const char *folder,
			struct arena *arena)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	const char *path;

	if (*name == '/')
		return arena_text(arena, name);
	if (strchr(name, '/') == NULL && credentials != NULL &&
	    *credentials == '/') {
		path = arena_format(arena, "%s/%s", credentials, name);
		if (access(path, F_OK) == 0)
			return path;
	}
	return arena_format(arena, "%s/%s", folder, name);
}

static int secret_judge(const char *path, const struct stat *st,
			struct gantry_error *err)
{
	if (!S_ISREG(st->st_mode))
		return gantry_fail(err, "%s is not a regular file", path);
	if (st->st_mode & SECRET_LOOSE)
		return gantry_fail(err, "%s has mode %04o, others could read "
					"it; chmod it to 0640 or less",
				   path, st->st_mode & 07777);
	return 0;
}

int secret_check(const char *path, struct gantry_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	return secret_judge(path, &st, err);
}

/* What was read is cleared on every way out but success. */
static char *secret_read(int fd, const char *path, size_t *len_out,
			 struct gantry_error *err)
{
	char *text = memory_new(SECRET_MAX_BYTES + 1);
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len <= SECRET_MAX_BYTES) {
		n = read(fd, text + len, SECRET_MAX_BYTES + 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (n >= 0 && len > 0 && len <= SECRET_MAX_BYTES) {
		len -= text[len - 1] == '\n';
		text[len] = '\0';
		*len_out = len;
		return text;
	}
	if (n < 0)
		gantry_fail(err, "cannot read %s: %s", path, strerror(errno));
	else if (len == 0)
		gantry_fail(err, "%s is empty", path);
	else
		gantry_fail(err, "%s is larger than %u bytes", path,
			    SECRET_MAX_BYTES);
	gantry_secret_free(&text, len);
	return NULL;
}

char *gantry_secret(const char *path, size_t *len_out, struct gantry_error *err)
{
	struct stat st;
	char *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		gantry_fail(err, "cannot open %s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) < 0)
		gantry_fail(err, "cannot look at %s: %s", path,
			    strerror(errno));
	else if (secret_judge(path, &st, err) == 0)
		text = secret_read(fd, path, len_out, err);
	close(fd);
	return text;
}

void gantry_secret_free(char **secret, size_t len)
{
	if (*secret == NULL)
		return;
	explicit_bzero(*secret, len);
	free(*secret);
	*secret = NULL;
}
