/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - see token.h.
 *
 * From arguments to claims and rules, and from errors to exit statuses. What a
 * token looks like and when it is good is the plugin's matter.
 */
#include "gateway/cli/token.h"
#include "gateway/cli/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <gantry/option.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/plugin/plugins.h"

#define TOKEN_ROLES_MAX 16
#define TOKEN_FILE_MAX	65536
#define TOKEN_TTL_MAX	INT64_C(31536000000) /* a year */
#define TOKEN_USAGE	2

struct token_options {
	const char *folder;		/* of plugins */
	const char *plugin, *key, *algorithm, *issuer, *audience, *subject,
		*kid;
	const char *roles[TOKEN_ROLES_MAX];
	size_t role_count;
	int64_t ttl_ms, leeway_ms;
	bool signature_only, help;
};

static const char token_help[] =
	"Usage: gantry token mint --key FILE --issuer NAME --audience NAME "
	"[OPTION]...\n"
	"       gantry token verify --jwk FILE [OPTION]... TOKEN\n"
	"\n"
	"Make and check the signed tokens that services show each other.\n"
	"\n"
	"mint prints a token:\n"
	"  --key FILE          HMAC secret, PEM private key or private JWK\n"
	"  --algorithm NAME    HS256, RS256, PS256, ES256 or EdDSA; not for a "
	"JWK that\n"
	"                      has its own\n"
	"  --issuer NAME       iss of the token\n"
	"  --audience NAME     aud of the token\n"
	"  --role NAME         a role; may stand up to 16 times\n"
	"  --subject NAME      sub of the token\n"
	"  --ttl DURATION      how long it is valid, up to 365d (default: 1h)\n"
	"  --kid NAME          which key of a set, and the kid of the token\n"
	"\n"
	"verify prints \"valid\", or \"invalid: \" and why (exit 1):\n"
	"  --jwk FILE          JWK, JWK Set, PEM key or HMAC secret\n"
	"  --algorithm NAME    as above\n"
	"  --issuer NAME       the iss it must have (default: any)\n"
	"  --audience NAME     the aud it must have (default: any)\n"
	"  --leeway DURATION   for clocks that differ, up to 60s (default: "
	"30s)\n"
	"  --signature-only    look at the signature alone\n"
	"  TOKEN               \"-\" reads it from standard input\n"
	"\n"
	"  --plugin NAME       plugin to ask, or its absolute path (default: "
	"jwt)\n"
	"  --plugins DIR       plugins by short name (default: " PLUGINDIR ")\n"
	"  --help              this text\n";

/* An error of usage; returns the exit status. */
static int __attribute__((format(printf, 1, 2)))
token_usage(const char *format, ...)
{
	va_list ap;

	fputs("gantry token: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputs("\nTry \"gantry token --help\".\n", stderr);
	return TOKEN_USAGE;
}

enum token_option {
	TOKEN_PLUGIN = 256,
	TOKEN_KEY,
	TOKEN_ALGORITHM,
	TOKEN_ISSUER,
	TOKEN_AUDIENCE,
	TOKEN_SUBJECT,
	TOKEN_KID,
	TOKEN_ROLE,
	TOKEN_TTL,
	TOKEN_LEEWAY,
	TOKEN_SIGNATURE_ONLY,
	TOKEN_FOLDER,
	TOKEN_HELP,
};

static const struct option token_mint_options[] = {
	{ "plugin", required_argument, NULL, TOKEN_PLUGIN },
	{ "plugins", required_argument, NULL, TOKEN_FOLDER },
	{ "key", required_argument, NULL, TOKEN_KEY },
	{ "algorithm", required_argument, NULL, TOKEN_ALGORITHM },
	{ "issuer", required_argument, NULL, TOKEN_ISSUER },
	{ "audience", required_argument, NULL, TOKEN_AUDIENCE },
	{ "subject", required_argument, NULL, TOKEN_SUBJECT },
	{ "kid", required_argument, NULL, TOKEN_KID },
	{ "role", required_argument, NULL, TOKEN_ROLE },
	{ "ttl", required_argument, NULL, TOKEN_TTL },
	{ "help", no_argument, NULL, TOKEN_HELP },
	{ NULL, 0, NULL, 0 },
};

static const struct option token_verify_options[] = {
	{ "plugin", required_argument, NULL, TOKEN_PLUGIN },
	{ "plugins", required_argument, NULL, TOKEN_FOLDER },
	{ "jwk", required_argument, NULL, TOKEN_KEY },
	{ "algorithm", required_argument, NULL, TOKEN_ALGORITHM },
	{ "issuer", required_argument, NULL, TOKEN_ISSUER },
	{ "audience", required_argument, NULL, TOKEN_AUDIENCE },
	{ "leeway", required_argument, NULL, TOKEN_LEEWAY },
	{ "signature-only", no_argument, NULL, TOKEN_SIGNATURE_ONLY },
	{ "help", no_argument, NULL, TOKEN_HELP },
	{ NULL, 0, NULL, 0 },
};

static int token_duration(const char *name, int64_t most_ms, int64_t *out)
{
	if (!parse_duration(optarg, out) || *out > most_ms)
		return token_usage("--%s: not a duration up to %llds: \"%s\"",
				   name, (long long)(most_ms / 1000), optarg);
	return 0;
}

static int token_role(struct token_options *o)
{
	if (o->role_count == TOKEN_ROLES_MAX)
		return token_usage("--role: more than %d", TOKEN_ROLES_MAX);
	o->roles[o->role_count++] = optarg;
	return 0;
}

static int token_take(struct token_options *o, int option)
{
	const char **const texts[] = {
		[TOKEN_PLUGIN - TOKEN_PLUGIN] = &o->plugin,
		[TOKEN_KEY - TOKEN_PLUGIN] = &o->key,
		[TOKEN_ALGORITHM - TOKEN_PLUGIN] = &o->algorithm,
		[TOKEN_ISSUER - TOKEN_PLUGIN] = &o->issuer,
		[TOKEN_AUDIENCE - TOKEN_PLUGIN] = &o->audience,
		[TOKEN_SUBJECT - TOKEN_PLUGIN] = &o->subject,
		[TOKEN_KID - TOKEN_PLUGIN] = &o->kid,
	};

	switch (option) {
	case TOKEN_ROLE:
		return token_role(o);
	case TOKEN_TTL:
		return token_duration("ttl", TOKEN_TTL_MAX, &o->ttl_ms);
	case TOKEN_LEEWAY:
		return token_duration("leeway", 60000, &o->leeway_ms);
	case TOKEN_SIGNATURE_ONLY:
		o->signature_only = true;
		return 0;
	case TOKEN_FOLDER:
		o->folder = optarg;
		return 0;
	case TOKEN_HELP:
		o->help = true;
		return 0;
	case '?':
		fputs("Try \"gantry token --help\".\n", stderr);
		return TOKEN_USAGE;
	}
	*texts[option - TOKEN_PLUGIN] = optarg;
	return 0;
}

/* 0, or the exit status; optind is then the first that is no option. */
static int token_parse(int argc, char **argv, const struct option *known,
		       struct token_options *o)
{
	static char name[] = "gantry token";
	int option, rc = 0;

	optind = 0;
	argv[0] = name; /* for the messages of getopt */
	while (rc == 0 &&
	       (option = getopt_long(argc, argv, "", known, NULL)) != -1)
		rc = token_take(o, option);
	return rc;
}

static int token_failed(const struct gantry_error *err)
{
	fprintf(stderr, "gantry token: %s\n", err->message);
	return 1;
}

/* NULL if one of the texts is not UTF-8. */
static json_t *token_claims(const struct token_options *o)
{
	json_int_t now = clock_now_ms() / 1000;
	json_t *roles = json_array();
	json_t *claims;
	int rc = 0;

	for (size_t i = 0; i < o->role_count; i++)
		rc |= json_array_append_new(roles, json_string(o->roles[i]));
	claims = json_pack("{s:s, s:s*, s:s, s:I, s:I, s:o}", "iss", o->issuer,
			   "sub", o->subject, "aud", o->audience, "iat", now,
			   "exp", now + o->ttl_ms / 1000, "roles", roles);
	if (rc != 0) {
		json_decref(claims);
		claims = NULL;
	}
	return claims;
}

static int token_mint_with(const struct token_options *o,
			   const struct gantry_auth *auth,
			   const struct gantry_token_key *key,
			   struct gantry_error *err)
{
	char token[GANTRY_TOKEN_SIZE];
	json_t *claims;
	int rc;

	claims = token_claims(o);
	if (claims == NULL)
		return token_usage("mint: not UTF-8");
	rc = auth->mint(key, claims, token, err);
	json_decref(claims);
	if (rc < 0)
		return error_prefix(err, "%s", o->key), token_failed(err);
	puts(token);
	explicit_bzero(token, sizeof(token));
	return 0;
}

/* A key that signs must be kept like any other secret (D35). */
static int token_mint(const struct token_options *o)
{
	struct gantry_token_key key =
		GANTRY_TOKEN_KEY(.algorithm = o->algorithm, .kid = o->kid);
	struct plugins *plugins = trial_plugins(o->folder);
	struct gantry_error err = ERROR_INIT;
	AUTO_FREE char *path = realpath(o->key, NULL);
	const struct gantry_auth *auth;
	char *secret = NULL;
	int rc = TOKEN_USAGE;

	if (path == NULL)
		gantry_fail(&err, "%s: %s", o->key, strerror(errno));
	auth = path == NULL ? NULL : token_plugin(plugins, o->plugin, &err);
	if (auth != NULL)
		secret = gantry_secret(path, &key.len, &err);
	if (secret == NULL) {
		token_failed(&err);
	} else {
		key.bytes = secret;
		rc = token_mint_with(o, auth, &key, &err);
		gantry_secret_free(&secret, key.len);
	}
	plugins_free(&plugins);
	error_fini(&err);
	return rc;
}

static int token_main_mint(int argc, char **argv)
{
	struct token_options o = { .plugin = "jwt", .folder = PLUGINDIR,
				   .ttl_ms = 3600000 };
	int rc = token_parse(argc, argv, token_mint_options, &o);

	if (rc != 0)
		return rc;
	if (o.help)
		return fputs(token_help, stdout), 0;
	if (optind < argc)
		return token_usage("mint: too many arguments: \"%s\"",
				   argv[optind]);
	if (o.key == NULL || o.issuer == NULL || o.audience == NULL)
		return token_usage("mint: --%s is missing",
				   o.key == NULL      ? "key"
				   : o.issuer == NULL ? "issuer"
						      : "audience");
	if (o.ttl_ms < 1000)
		return token_usage("--ttl: shorter than 1s");
	return token_mint(&o);
}

/*
 * A whole small file, without the newline at its end; "-" is standard input.
 * -1 with errno if it cannot be read, EFBIG if it is not small.
 */
static ssize_t token_read(const char *path, char *buffer, size_t size)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO)
					: open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = -1;

	while (fd >= 0 && len < size &&
	       (n = read(fd, buffer + len, size - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		close(fd);
	if (len == size)
		errno = EFBIG;
	if (n < 0 || len == size)
		return -1;
	return (ssize_t)(len - (len > 0 && buffer[len - 1] == '\n'));
}

static int token_verify_with(const struct token_options *o,
			     const struct gantry_token_key *key,
			     const char *token)
{
	struct gantry_token_rules rules =
		GANTRY_TOKEN_RULES(.signature_only = o->signature_only,
				   .issuer = o->issuer, .audience = o->audience,
				   .now_ms = clock_now_ms(),
				   .leeway_ms = o->leeway_ms);
	struct plugins *plugins = trial_plugins(o->folder);
	struct gantry_error err = ERROR_INIT;
	const struct gantry_auth *auth = token_plugin(plugins, o->plugin, &err);
	int rc = TOKEN_USAGE;

	if (auth == NULL) {
		token_failed(&err);
	} else {
		rc = auth->check(key, &rules, token, &err) < 0;
		if (rc > 0)
			printf("invalid: %s\n", err.message);
		else
			puts("valid");
	}
	plugins_free(&plugins);
	error_fini(&err);
	return rc;
}

static int token_verify(const struct token_options *o, const char *token)
{
	struct gantry_token_key key =
		GANTRY_TOKEN_KEY(.algorithm = o->algorithm);
	char text[GANTRY_TOKEN_SIZE + 1] = "";
	char file[TOKEN_FILE_MAX + 1];
	ssize_t len = token_read(o->key, file, sizeof(file));
	int rc;

	if (len < 0) {
		fprintf(stderr, "gantry token: %s: %m\n", o->key);
		return TOKEN_USAGE;
	}
	if (strcmp(token, "-") == 0) {
		ssize_t n = token_read("-", text, sizeof(text) - 1);

		if (n < 0 || memchr(text, '\0', (size_t)n) != NULL)
			return token_usage(
				"verify: no token on standard input");
		text[n] = '\0';
		token = text;
	}
	key.bytes = file;
	key.len = (size_t)len;
	rc = token_verify_with(o, &key, token);
	explicit_bzero(file, sizeof(file));
	return rc;
}

static int token_main_verify(int argc, char **argv)
{
	struct token_options o = { .plugin = "jwt", .folder = PLUGINDIR,
				   .leeway_ms = 30000 };
	int rc = token_parse(argc, argv, token_verify_options, &o);

	if (rc != 0)
		return rc;
	if (o.help)
		return fputs(token_help, stdout), 0;
	if (o.key == NULL)
		return token_usage("verify: --jwk is missing");
	if (argc - optind != 1)
		return token_usage("verify: one TOKEN is needed");
	if (strcmp(o.key, "-") == 0 && strcmp(argv[optind], "-") == 0)
		return token_usage("verify: only one of key and token can be "
				   "standard input");
	return token_verify(&o, argv[optind]);
}

int token_main(int argc, char **argv)
{
	if (argc < 2)
		return token_usage("mint or verify?");
	if (strcmp(argv[1], "mint") == 0)
		return token_main_mint(argc - 1, argv + 1);
	if (strcmp(argv[1], "verify") == 0)
		return token_main_verify(argc - 1, argv + 1);
	if (strcmp(argv[1], "--help") == 0)
		return fputs(token_help, stdout), 0;
	return token_usage("unknown command: \"%s\"", argv[1]);
}
