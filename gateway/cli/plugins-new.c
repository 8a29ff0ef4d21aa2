/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugins-new - see plugins-new.h.
 *
 * The templates are files: those in common/ first, then those of the kind, one
 * of which may take the place of a common one. In their names NAME, and in
 * their text words like @NAME@, stand for what is the plugin's own.
 */
#include "gateway/cli/plugins-new.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/memory.h"
#include "gateway/cli/common.h"
#include "gateway/plugin/plugins.h"

#define NEW_MAX_NAME 32
#define NEW_MAX_FILE (1 << 20)
#define NEW_MAX_DEPTH 4

enum { NEW_NAME, NEW_IDENT, NEW_TITLE, NEW_CAMEL, NEW_AUTHOR, NEW_DATE, NEW_MDOC,
       NEW_YEAR, NEW_WORDS };

struct new_word {
	const char *word, *value;
};

struct making {
	struct arena arena;
	struct new_word words[NEW_WORDS];
	const char *into;
	unsigned files;
};

static int new_fail(const char *path)
{
	fprintf(stderr, "gantry: %s: %s\n", path, strerror(errno));
	return COMMON_FAILED;
}

/* The plugin's name is also a part of C names. */
static bool new_is_name(const char *name)
{
	size_t n = strlen(name);

	if (n < 2 || n > NEW_MAX_NAME || !islower((unsigned char)name[0]) ||
	    name[n - 1] == '-')
		return false;
	for (size_t i = 1; i < n; i++)
		if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) &&
		    (name[i] != '-' || name[i - 1] == '-'))
			return false;
	return true;
}

/* "struct @IDENT@" must be one in C and in C++, with what compilers define. */
static bool new_is_keyword(const char *name)
{
	static const char *const words[] = {
		"auto", "bool", "break", "case", "catch", "char", "class", "const",
		"continue", "default", "delete", "do", "double", "else", "enum",
		"explicit", "export", "extern", "false", "float", "for", "friend",
		"goto", "if", "inline", "int", "linux", "long", "mutable", "namespace", "new",
		"operator", "private", "protected", "public", "register", "restrict",
		"return", "short", "signed", "sizeof", "static", "struct", "switch",
		"template", "this", "throw", "true", "try", "typedef", "typename",
		"union", "unix", "unsigned", "using", "virtual", "void", "volatile", "while",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return false;
}

/* order-audit: order_audit, ORDER-AUDIT, OrderAudit. */
static void new_forms(struct making *mk, const char *name)
{
	char *ident = arena_text(&mk->arena, name);
	char *title = arena_text(&mk->arena, name);
	char *camel = arena_text(&mk->arena, name), *to = camel;

	for (size_t i = 0; name[i] != '\0'; i++) {
		ident[i] = name[i] == '-' ? '_' : name[i];
		title[i] = (char)toupper((unsigned char)name[i]);
		if (name[i] != '-')
			*to++ = i == 0 || name[i - 1] == '-' ? title[i] : name[i];
	}
	*to = '\0';
	mk->words[NEW_NAME] = (struct new_word){ "@NAME@", arena_text(&mk->arena, name) };
	mk->words[NEW_IDENT] = (struct new_word){ "@IDENT@", ident };
	mk->words[NEW_TITLE] = (struct new_word){ "@TITLE@", title };
	mk->words[NEW_CAMEL] = (struct new_word){ "@CAMEL@", camel };
}

/* As of SOURCE_DATE_EPOCH, for builds that are to give the same bytes. */
static struct tm new_now(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t now = epoch != NULL ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	return tm;
}

/* As the tools of Debian find it out. */
static const char *new_author(struct making *mk)
{
	const char *name = getenv("DEBFULLNAME"), *mail = getenv("DEBEMAIL");

	if (name == NULL)
		name = getenv("NAME");
	if (mail == NULL)
		mail = getenv("EMAIL");
	return arena_format(&mk->arena, "%s <%s>", name != NULL ? name : "Your Name",
			    mail != NULL ? mail : "you@example.org");
}

static void new_words(struct making *mk, const char *name)
{
	const struct tm now = new_now();
	char date[64], mdoc[64], year[16];

	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &now);
	strftime(mdoc, sizeof(mdoc), "%B %d, %Y", &now);
	strftime(year, sizeof(year), "%Y", &now);
	new_forms(mk, name);
	mk->words[NEW_AUTHOR] = (struct new_word){ "@AUTHOR@", new_author(mk) };
	mk->words[NEW_DATE] = (struct new_word){ "@DATE@", arena_text(&mk->arena, date) };
	mk->words[NEW_MDOC] = (struct new_word){ "@MDOCDATE@",
						 arena_text(&mk->arena, mdoc) };
	mk->words[NEW_YEAR] = (struct new_word){ "@YEAR@", arena_text(&mk->arena, year) };
}

static const struct new_word *new_find(const struct making *mk, const char *at)
{
	for (unsigned i = 0; i < NEW_WORDS; i++)
		if (strncmp(at, mk->words[i].word, strlen(mk->words[i].word)) == 0)
			return &mk->words[i];
	return NULL;
}

static void new_put(const struct making *mk, const char *text, FILE *out)
{
	while (*text != '\0') {
		const struct new_word *w = *text == '@' ? new_find(mk, text) : NULL;

		if (w != NULL) {
			fputs(w->value, out);
			text += strlen(w->word);
		} else {
			fputc(*text++, out);
		}
	}
}

static char *new_read(struct making *mk, const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = arena_alloc(&mk->arena, NEW_MAX_FILE);
	size_t n;

	if (in == NULL)
		return NULL;
	n = fread(text, 1, NEW_MAX_FILE - 1, in);
	text[n] = '\0';
	fclose(in);
	return text;
}

static int new_file(struct making *mk, const char *from, const char *to, mode_t mode)
{
	char *text = new_read(mk, from);
	bool failed;
	FILE *out;
	int fd;

	if (text == NULL)
		return new_fail(from);
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 0777);
	out = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (out == NULL)
		return new_fail(to);
	new_put(mk, text, out);
	failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed)
		return new_fail(to);
	mk->files++;
	return COMMON_OK;
}

/* "test-NAME.c" with the plugin's name. */
static const char *new_entry(struct making *mk, const char *entry)
{
	const char *at = strstr(entry, "NAME");

	return at == NULL ? arena_text(&mk->arena, entry) :
		arena_format(&mk->arena, "%.*s%s%s", (int)(at - entry), entry,
			     mk->words[NEW_NAME].value, at + strlen("NAME"));
}

static int new_folder(struct making *mk, const char *from, const char *to, unsigned depth);

static int new_one(struct making *mk, const char *folder, const char *entry,
		   const char *to, unsigned depth)
{
	const char *from = arena_format(&mk->arena, "%s/%s", folder, entry);
	struct stat st;

	to = arena_format(&mk->arena, "%s/%s", to, new_entry(mk, entry));
	if (stat(from, &st) < 0)
		return new_fail(from);
	if (S_ISDIR(st.st_mode))
		return new_folder(mk, from, to, depth + 1);
	return new_file(mk, from, to, strcmp(entry, "rules") == 0 ? 0755 : 0644);
}

static int new_folder(struct making *mk, const char *from, const char *to, unsigned depth)
{
	DIR *folder = depth < NEW_MAX_DEPTH ? opendir(from) : NULL;
	int status = COMMON_OK;
	struct dirent *e;

	if (folder == NULL)
		return new_fail(from);
	if (mkdir(to, 0755) < 0 && errno != EEXIST)
		status = new_fail(to);
	while (status == COMMON_OK && (e = readdir(folder)) != NULL)
		if (e->d_name[0] != '.')
			status = new_one(mk, from, e->d_name, to, depth);
	closedir(folder);
	return status;
}

static int new_check(const struct plugins_new_options *o, const char *kind,
		     const char *templates)
{
	static const char *const kinds[] = { "handler", "auth", "breaker", "storage" };
	size_t i = 0;

	if (!new_is_name(o->name) || new_is_keyword(o->name)) {
		fprintf(stderr, "gantry: \"%s\": a plugin's name is 2 to %d small letters, "
			"digits and single hyphens, begins with a letter and is no word "
			"of C\n", o->name, NEW_MAX_NAME);
		return COMMON_USAGE;
	}
	while (i < 4 && strcmp(kinds[i], kind) != 0)
		i++;
	if (i == 4) {
		fprintf(stderr, "gantry: --kind: must be handler, auth, breaker or "
			"storage: \"%s\"\n", kind);
		return COMMON_USAGE;
	}
	if (access(templates, R_OK) < 0) {
		fprintf(stderr, "gantry: %s: %s; the templates come with the package "
			"gantry-dev\n", templates, strerror(errno));
		return COMMON_FAILED;
	}
	return COMMON_OK;
}

static int new_make(struct making *mk, const char *templates, const char *kind)
{
	int status;

	if (mkdir(mk->into, 0755) < 0) {
		fprintf(stderr, "gantry: %s: %s; name another folder by --into\n",
			mk->into, strerror(errno));
		return COMMON_FAILED;
	}
	status = new_folder(mk, arena_format(&mk->arena, "%s/common", templates),
			    mk->into, 0);
	if (status == COMMON_OK)
		status = new_folder(mk, arena_format(&mk->arena, "%s/%s", templates, kind),
				    mk->into, 0);
	return status;
}

static void new_warn(const struct plugins *plugins, const char *name)
{
	char *path AUTO_FREE = memory_format("%s/%s.so", plugins_folder(plugins), name);

	if (access(path, F_OK) == 0)
		fprintf(stderr, "gantry: %s is there already: \"make install\" would put "
			"the new one in its place; choose another name to keep both\n", path);
}

int plugins_new_run(const struct plugins *plugins, const struct plugins_new_options *o)
{
	const char *kind = o->kind != NULL ? o->kind : "handler";
	const char *templates = o->templates != NULL ? o->templates : TEMPLATEDIR;
	struct making mk = { .into = o->into != NULL ? o->into : o->name };
	int status = new_check(o, kind, templates);

	if (status == COMMON_OK) {
		new_warn(plugins, o->name);
		new_words(&mk, o->name);
		status = new_make(&mk, templates, kind);
	}
	if (status == COMMON_OK)
		printf("%s: %s, in %u files. Next:\n"
		       "  make -C %s check\n  sudo make -C %s install\n"
		       "  man %s/gantry-%s.7\n", mk.into, kind, mk.files, mk.into,
		       mk.into, mk.into, o->name);
	arena_fini(&mk.arena);
	return status;
}
