/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option - one table says what an instance can be told: it gives the struct
 * member, the YAML key, "gantry plugins describe", the error for a wrong value
 * and the man page the same name, type, default, range and text.
 *
 * The core fills the members before open(); texts and lists live as long as
 * the instance and belong to the core.
 */
#ifndef GANTRY_OPTION_H
#define GANTRY_OPTION_H

#include <stdbool.h>

#include <gantry/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gantry_option_type {
	GANTRY_TYPE_TEXT = 1,	/* const char * */
	GANTRY_TYPE_INTEGER,	/* int64_t */
	GANTRY_TYPE_SIZE,	/* int64_t, bytes: 64, 16K, 1M */
	GANTRY_TYPE_DURATION,	/* int64_t, milliseconds: 250ms, 10s, 24h, 30d */
	GANTRY_TYPE_BOOLEAN,	/* bool: true, false */
	GANTRY_TYPE_CHOICE,	/* int64_t, index into choices */
	GANTRY_TYPE_PATH,	/* const char *, absolute; relative ones count
				   from the folder of the file that says it */
	GANTRY_TYPE_SECRET_FILE,/* const char *, the path, checked (D35): see
				   gantry_secret() */
	GANTRY_TYPE_LIST,	/* const char *const *, NULL at the end */
};

enum {
	GANTRY_OPTION_REQUIRED = 1,
	GANTRY_OPTION_UPSTREAM = 2,	/* TEXT: the name of an upstream of the
					   configuration; a default that is none
					   gives NULL */
};

struct gantry_option {
	size_t size;
	const char *name;
	const char *summary;		/* one line */
	enum gantry_option_type type;
	unsigned flags;
	size_t offset;			/* of the member in the instance */
	const char *fallback;		/* default as one would write it; NULL: none
					   (zero, NULL or false) */
	int64_t min, max;		/* both 0: no range; TEXT: length in bytes */
	const char *const *choices;	/* CHOICE: NULL at the end */
};

/* sizeof proves the member's type at compile time. */
#define GANTRY_OPTION_OF(ctype, type_, instance, member, ...)                 \
	&(const struct gantry_option)                                         \
	{                                                                     \
		.size = sizeof(struct gantry_option), .name = #member,        \
		.type = (type_),                                              \
		.offset = offsetof(instance, member) +                        \
			0 * sizeof((ctype *)0 == &((instance *)0)->member),   \
		__VA_ARGS__                                                   \
	}

#define GANTRY_TEXT(instance, member, ...) \
	GANTRY_OPTION_OF(const char *, GANTRY_TYPE_TEXT, instance, member, __VA_ARGS__)
#define GANTRY_INTEGER(instance, member, ...) \
	GANTRY_OPTION_OF(int64_t, GANTRY_TYPE_INTEGER, instance, member, __VA_ARGS__)
#define GANTRY_SIZE(instance, member, ...) \
	GANTRY_OPTION_OF(int64_t, GANTRY_TYPE_SIZE, instance, member, __VA_ARGS__)
#define GANTRY_DURATION(instance, member, ...) \
	GANTRY_OPTION_OF(int64_t, GANTRY_TYPE_DURATION, instance, member, __VA_ARGS__)
#define GANTRY_BOOLEAN(instance, member, ...) \
	GANTRY_OPTION_OF(bool, GANTRY_TYPE_BOOLEAN, instance, member, __VA_ARGS__)
#define GANTRY_CHOICE(instance, member, ...) \
	GANTRY_OPTION_OF(int64_t, GANTRY_TYPE_CHOICE, instance, member, __VA_ARGS__)
#define GANTRY_PATH(instance, member, ...) \
	GANTRY_OPTION_OF(const char *, GANTRY_TYPE_PATH, instance, member, __VA_ARGS__)
#define GANTRY_SECRET_FILE(instance, member, ...) \
	GANTRY_OPTION_OF(const char *, GANTRY_TYPE_SECRET_FILE, instance, member, __VA_ARGS__)
#define GANTRY_LIST(instance, member, ...) \
	GANTRY_OPTION_OF(const char *const *, GANTRY_TYPE_LIST, instance, member, __VA_ARGS__)

/*
 * The content of a secret file, without one newline at its end; at most
 * 64 KiB. The caller clears and frees it with gantry_secret_free(). NULL with
 * err on failure. Main thread or any other. Level 1.
 */
char *gantry_secret(const char *path, size_t *len_out, struct gantry_error *err);
void gantry_secret_free(char **secret, size_t len);

#ifdef __cplusplus
}
#endif

#endif
