/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api-key - see api-key.h. What a key looks like and how its file is written
 * is the plugin's matter.
 */
#include "gateway/cli/api-key.h"

#include <errno.h>
#include <fcntl.h>
#include <gantry/auth.h>
#include <gantry/option.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/cli/common.h"
#include "gateway/cli/trial.h"
#include "gateway/plugin/plugins.h"

#define API_KEY_ROLES_MAX 16
#define API_KEY_TTL_MAX (INT64_C(3650) * 86400 * 1000)

struct api_key_options {
	const char *folder, *plugin;
	const char *name, *file;
	const char *roles[API_KEY_ROLES_MAX + 1];	/* NULL at the end */
	size_t n_roles;
	int64_t ttl_ms;		/* 0: for ever */
	bool help;
};

static const char api_key_help[] =
	"Usage: gantry api-key new --name NAME --role ROLE [OPTION]...\n"
	"       gantry api-key check [OPTION]... FILE\n"
	"\n"
	"Make keys by which a sender says who it is, and look at files of them.\n"
	"\n"
	"new prints the key, which is stored nowhere, and the line for the file:\n"
	"  --name NAME     the sender; requests have it as their subject\n"
	"  --role ROLE     a role; may stand up to 16 times\n"
	"  --ttl DURATION  how long the key is good, 1s to 3650d (default: for ever)\n"
	"  --file FILE     append the line to this file, and print the key alone;\n"
	"                  the file is made with mode 0640 if it is not there\n"
	"\n"
	"check prints \"good\", or what is wrong with a file (exit 1).\n"
	"\n"
	"  --plugin NAME   plugin to ask, or its absolute path (default: api-key)\n"
	"  --plugins DIR   plugins by short name (default: " PLUGINDIR ")\n"
	"  --help          this text\n";

enum { API_KEY_NAME = 256, API_KEY_ROLE, API_KEY_TTL, API_KEY_FILE,
       API_KEY_PLUGIN, API_KEY_FOLDER, API_KEY_HELP };

static const struct option api_key_new_options[] = {
	{ "name", required_argument, NULL, API_KEY_NAME },
	{ "role", required_argument, NULL, API_KEY_ROLE },
	{ "ttl", required_argument, NULL, API_KEY_TTL },
	{ "file", required_argument, NULL, API_KEY_FILE },
	{ "plugin", required_argument, NULL, API_KEY_PLUGIN },
	{ "plugins", required_argument, NULL, API_KEY_FOLDER },
	{ "help", no_argument, NULL, API_KEY_HELP },
	{ NULL, 0, NULL, 0 },
};

static const struct option api_key_check_options[] = {
	{ "plugin", required_argument, NULL, API_KEY_PLUGIN },
	{ "plugins", required_argument, NULL, API_KEY_FOLDER },
	{ "help", no_argument, NULL, API_KEY_HELP },
	{ NULL, 0, NULL, 0 },
};

/* An error of usage; returns the exit status. */
static int __attribute__((format(printf, 1, 2)))
api_key_usage(const char *format, ...)
{
	va_list ap;

	fputs("gantry api-key: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputs("\nTry \"gantry api-key --help\".\n", stderr);
	return COMMON_USAGE;
}

static int api_key_failed(const struct gantry_error *err)
{
	fprintf(stderr, "gantry api-key: %s\n", err->message);
	return COMMON_FAILED;
}

static int api_key_take(struct api_key_options *o, int option)
{
	switch (option) {
	case API_KEY_NAME:
		o->name = optarg;
		return 0;
	case API_KEY_ROLE:
		if (o->n_roles == API_KEY_ROLES_MAX)
			return api_key_usage("--role: more than %d",
					     API_KEY_ROLES_MAX);
		o->roles[o->n_roles++] = optarg;
		return 0;
	case API_KEY_TTL:
		if (parse_duration(optarg, &o->ttl_ms) && o->ttl_ms >= 1000 &&
		    o->ttl_ms <= API_KEY_TTL_MAX)
			return 0;
		return api_key_usage("--ttl: not a duration from 1s to 3650d: \"%s\"",
				     optarg);
	case API_KEY_FILE:
		o->file = optarg;
		return 0;
	case API_KEY_PLUGIN:
		o->plugin = optarg;
		return 0;
	case API_KEY_FOLDER:
		o->folder = optarg;
		return 0;
	case API_KEY_HELP:
		o->help = true;
		return 0;
	}
	fputs("Try \"gantry api-key --help\".\n", stderr);
	return COMMON_USAGE;
}

/* 0, or the exit status; optind is then the first that is no option. */
static int api_key_parse(int argc, char **argv, const struct option *known,
			 struct api_key_options *o)
{
	static char name[] = "gantry api-key";
	int option, rc = 0;

	*o = (struct api_key_options){ .plugin = "api-key", .folder = PLUGINDIR };
	optind = 0;
	argv[0] = name; /* for the messages of getopt */
	while (rc == 0 &&
	       (option = getopt_long(argc, argv, "", known, NULL)) != -1)
		rc = api_key_take(o, option);
	return rc;
}

/* NULL with err; lives as long as plugins. */
static const struct gantry_auth *api_key_plugin(struct plugins *plugins,
						const char *name,
						struct gantry_error *err)
{
	const struct gantry_plugin *plugin = plugins_load(plugins, name, err);

	if (plugin == NULL)
		return NULL;
	if (plugin->auth != NULL && plugin->auth->enroll != NULL &&
	    plugin->auth->check_file != NULL)
		return plugin->auth;
	gantry_fail(err, "%s: keeps no file of keys", plugins_path(plugins, plugin));
	return NULL;
}

/* A person's editor may have left the last line without its end. */
static bool api_key_ends_a_line(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n';

	return end <= 0 || pread(fd, &last, 1, end - 1) != 1 || last == '\n';
}

/* In one write, so that who reads meanwhile sees no half of a line. */
static int api_key_append(const char *path, const char *line, struct gantry_error *err)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	AUTO_FREE char *text = memory_format("%s%s\n", fd < 0 || api_key_ends_a_line(fd) ?
						       "" : "\n", line);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int rc = n == (ssize_t)strlen(text) && fsync(fd) == 0 ? 0 : -1;

	if (rc < 0)
		gantry_fail(err, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

static int api_key_new(const struct api_key_options *o, const struct gantry_auth *auth,
		       struct gantry_error *err)
{
	const struct gantry_enrolment who = GANTRY_ENROLMENT(
		.name = o->name, .roles = o->roles,
		.until_ms = o->ttl_ms > 0 ? clock_now_ms() + o->ttl_ms : 0);
	char key[GANTRY_TOKEN_SIZE], line[GANTRY_TOKEN_SIZE];
	int rc = auth->enroll(&who, key, line, err);

	if (rc == 0 && o->file != NULL)
		rc = api_key_append(o->file, line, err);
	if (rc == 0)
		puts(key);
	if (rc == 0 && o->file == NULL)
		puts(line);
	explicit_bzero(key, sizeof(key));
	return rc == 0 ? COMMON_OK : api_key_failed(err);
}

static int api_key_check(const char *file, const struct gantry_auth *auth,
			 struct gantry_error *err)
{
	AUTO_FREE char *path = realpath(file, NULL);
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (path == NULL)
		gantry_fail(err, "%s: %s", file, strerror(errno));
	else
		text = gantry_secret(path, &len, err);
	if (text == NULL)
		return api_key_failed(err);
	rc = auth->check_file(text, len, err);
	gantry_secret_free(&text, len);
	if (rc < 0) {
		error_prefix(err, "%s", file);
		return api_key_failed(err);
	}
	puts("good");
	return COMMON_OK;
}

/* file NULL: a new key. */
static int api_key_run(const struct api_key_options *o, const char *file)
{
	struct plugins *plugins = trial_plugins(o->folder);
	struct gantry_error err = ERROR_INIT;
	const struct gantry_auth *auth = api_key_plugin(plugins, o->plugin, &err);
	int rc = COMMON_USAGE;

	if (auth == NULL)
		api_key_failed(&err);
	else if (file == NULL)
		rc = api_key_new(o, auth, &err);
	else
		rc = api_key_check(file, auth, &err);
	plugins_free(&plugins);
	error_fini(&err);
	return rc;
}

static int api_key_main_new(int argc, char **argv)
{
	struct api_key_options o;
	int rc = api_key_parse(argc, argv, api_key_new_options, &o);

	if (rc != 0)
		return rc;
	if (o.help)
		return fputs(api_key_help, stdout), COMMON_OK;
	if (optind < argc)
		return api_key_usage("new: too many arguments: \"%s\"", argv[optind]);
	if (o.name == NULL || o.n_roles == 0)
		return api_key_usage("new: --%s is missing",
				     o.name == NULL ? "name" : "role");
	return api_key_run(&o, NULL);
}

static int api_key_main_check(int argc, char **argv)
{
	struct api_key_options o;
	int rc = api_key_parse(argc, argv, api_key_check_options, &o);

	if (rc != 0)
		return rc;
	if (o.help)
		return fputs(api_key_help, stdout), COMMON_OK;
	if (argc - optind != 1)
		return api_key_usage("check: one FILE is needed");
	return api_key_run(&o, argv[optind]);
}

int api_key_main(int argc, char **argv)
{
	if (argc < 2)
		return api_key_usage("new or check?");
	if (strcmp(argv[1], "new") == 0)
		return api_key_main_new(argc - 1, argv + 1);
	if (strcmp(argv[1], "check") == 0)
		return api_key_main_check(argc - 1, argv + 1);
	if (strcmp(argv[1], "--help") == 0)
		return fputs(api_key_help, stdout), COMMON_OK;
	return api_key_usage("unknown command: \"%s\"", argv[1]);
}
