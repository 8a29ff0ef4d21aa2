/* SPDX-License-Identifier: Apache-2.0 */
/* traces - see traces.h. */
#include "gateway/config/traces.h"

#include <string.h>

#include "gateway/base/utf8.h"

/* Digits behind the point; more make no difference. */
#define TRACES_DIGITS 9

const struct gantry_option *const traces_options[] = {
	GANTRY_TEXT(struct config_traces, endpoint, .flags = GANTRY_OPTION_REQUIRED,
		    .summary = "http:// or https:// address of an OTLP receiver; "
			       "spans go to its path /v1/traces"),
	GANTRY_TEXT(struct config_traces, ratio, .fallback = "0.1",
		    .summary = "part of the traces beginning here that is looked "
			       "at, 0 to 1"),
	GANTRY_SECRET_FILE(struct config_traces, headers_file,
			   .summary = "file with headers for the receiver, one a line"),
	GANTRY_PATH(struct config_traces, ca_file,
		    .summary = "CAs that sign its certificate; those of the "
			       "system if not said"),
	GANTRY_DURATION(struct config_traces, timeout, .fallback = "5s",
			.min = 100, .max = 60000,
			.summary = "until it must have taken a batch"),
	GANTRY_DURATION(struct config_traces, interval, .fallback = "1s",
			.min = 10, .max = 60000,
			.summary = "how long spans wait for a batch to fill"),
	GANTRY_INTEGER(struct config_traces, batch, .fallback = "512", .min = 1,
		       .max = 8192, .summary = "spans that are sent at once"),
	GANTRY_INTEGER(struct config_traces, queue, .fallback = "8192",
		       .min = 2, .max = 1 << 20,
		       .summary = "spans that may wait; more are dropped"),
	NULL
};

static void traces_wrong(const struct config *config, struct problems *problems,
			 const char *key, const char *what)
{
	const struct node *node = node_get(config->tracing->node, key);

	problems_add(problems, node != NULL ? node : config->tracing->key,
		     "traces.%s: %s", key, what);
}

/* "0", "1", "0.25": no sign, no exponent, nothing of the locale. */
static bool traces_ratio(const char *text, double *out)
{
	size_t digits = strspn(text, "01");
	double value = *text == '1', unit = 0.1;

	if (digits != 1)
		return false;
	if (text[1] == '.') {
		digits = strspn(text + 2, "0123456789");
		if (digits == 0 || digits > TRACES_DIGITS || text[2 + digits] != '\0')
			return false;
		for (text += 2; *text != '\0'; text++, unit /= 10)
			value += unit * (*text - '0');
	} else if (text[1] != '\0') {
		return false;
	}
	*out = value;
	return value <= 1;
}

static void traces_endpoint(const struct config *config, const char *url,
			    struct problems *problems)
{
	const char *rest;

	rest = strncmp(url, "http", 4) == 0 ? url + 4 + (url[4] == 's') : url;
	if (rest == url || strncmp(rest, "://", 3) != 0 || rest[3] == '\0' ||
	    strspn(rest + 3, "/?#:@") != 0 || strchr(url, ' ') != NULL ||
	    !utf8_is_printable_ascii(url, strlen(url), 2048))
		traces_wrong(config, problems, "endpoint", "not a URL that begins with "
			     "http:// or https://");
	else if (memchr(rest, '@', 3 + strcspn(rest + 3, "/")) != NULL)
		traces_wrong(config, problems, "endpoint", "a user does not stand in the "
			     "URL; say headers_file");
	else if (strpbrk(rest, "?#") != NULL)
		traces_wrong(config, problems, "endpoint", "nothing comes after its path");
	else if (config->traces.ca_file != NULL && strncmp(url, "https", 5) != 0)
		traces_wrong(config, problems, "ca_file", "only with an https:// URL");
}

void traces_fill(struct config *config, struct problems *problems)
{
	struct config_traces *t = &config->traces;

	config->tracing = config_find(&config->sections, "traces");
	if (config->tracing == NULL)
		return;
	if (t->endpoint != NULL)
		traces_endpoint(config, t->endpoint, problems);
	if (t->ratio != NULL && !traces_ratio(t->ratio, &t->part))
		traces_wrong(config, problems, "ratio", "not a number from 0 to 1");
	if (t->batch > t->queue)
		traces_wrong(config, problems, "batch", "is larger than queue");
}
