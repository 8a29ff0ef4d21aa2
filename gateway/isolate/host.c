/* SPDX-License-Identifier: Apache-2.0 */
/* host - see host.h. */
#include "gateway/isolate/host.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/again.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/config/config.h"
#include "gateway/config/yaml.h"
#include "gateway/isolate/frame.h"
#include "gateway/isolate/helper.h"
#include "gateway/isolate/sandbox.h"
#include "gateway/plugin/plugins.h"

/* Below the gateway, and not so far that a busy machine starves it. */
#define HOST_NICE 10

struct host {
	struct arena arena;
	struct gantry_instance *instance;
	struct route route;
	struct route_step step;
	struct gantry_message message;
	struct wire_pen pen;
};

/* The next frame, whenever it comes; the gateway's end ends us. */
static void host_receive(char **bytes_out, size_t *len_out)
{
	while (wire_receive(AGAIN_FD, bytes_out, len_out, INT64_MAX / 2) < 0)
		if (errno != ETIMEDOUT)
			_exit(0);
}

static void host_send(struct host *h)
{
	if (wire_send(AGAIN_FD, &h->pen, INT64_MAX / 2) < 0)
		_exit(0);
}

/* The options were looked at in the gateway, with better words. */
static struct gantry_instance *host_instance(struct host *h,
					     const struct helper_spec *spec,
					     const struct gantry_plugin *plugin,
					     struct gantry_error *err)
{
	struct node_file file = { .name = "options", .path = "options",
				  .folder = spec->folder };
	struct config_entry entry = { .section = "handlers", .name = spec->instance,
				      .path = spec->instance };
	struct problems problems = { 0 };
	struct gantry_instance *instance = NULL;
	unsigned n;

	entry.node = entry.key = yaml_parse(&file, spec->entry, strlen(spec->entry),
					    &h->arena, &problems);
	if (entry.node != NULL)
		instance = instance_new(plugin, &entry, spec->service, &problems);
	if (problems.n > 0)
		gantry_fail(err, "%s", problems_sorted(&problems, &n)[0].text);
	problems_fini(&problems);
	return instance;
}

static void host_forget_upstreams(struct gantry_instance *i, const char *absent)
{
	const struct gantry_option *const *o = i->plugin->options;
	char name[128];

	for (; o != NULL && *o != NULL; o++) {
		snprintf(name, sizeof(name), ",%s,", (*o)->name);
		if ((*o)->flags & GANTRY_OPTION_UPSTREAM && strstr(absent, name) != NULL)
			*(const char **)((char *)i->self + (*o)->offset) = NULL;
	}
}

static int host_open(struct host *h, const struct helper_spec *spec,
		     struct gantry_error *err)
{
	const struct gantry_plugin *plugin = plugins_load(plugins_new("/"), spec->path, err);

	if (plugin == NULL)
		return -1;
	if (strcmp(plugin->version, spec->version) != 0)
		return gantry_fail(err, "%s: is %s now, and was %s; reload or restart",
				   spec->path, plugin->version, spec->version);
	h->instance = host_instance(h, spec, plugin, err);
	if (h->instance == NULL)
		return -1;
	host_forget_upstreams(h->instance, spec->absent);
	if (instance_open(h->instance, err) < 0)
		return -1;
	return sandbox_enter(spec->memory, err);
}

static void host_begin(struct host *h)
{
	struct gantry_error err = ERROR_INIT;
	struct helper_spec spec;
	struct wire_eye eye;
	char *bytes;
	size_t len;
	int opened;

	host_receive(&bytes, &len);
	eye = (struct wire_eye){ bytes, bytes + len, false };
	helper_take_spec(&eye, &spec);
	if (spec.behind && nice(HOST_NICE) < 0)
		errno = 0;
	opened = eye.bad ? gantry_fail(&err, "the gateway is of another version") :
			   host_open(h, &spec, &err);
	wire_begin(&h->pen);
	wire_put(&h->pen, opened == 0);
	wire_put_text(&h->pen, err.message);
	host_send(h);
	if (opened < 0)
		_exit(1);
	/* the instance's texts may point into bytes, which stay */
}

static enum gantry_verdict host_run(struct host *h, enum frame_work work,
				    unsigned handler)
{
	const struct gantry_handler *is = h->instance->plugin->handlers[handler];
	struct gantry_message *m = &h->message;

	h->step.handler = is;
	if (work == FRAME_HANDLE)
		return is->handle(h->instance->self, m, &m->error);
	m->settling = true;
	return is->settle(h->instance->self, m, &m->error);
}

static bool host_has(const struct host *h, unsigned handler)
{
	for (unsigned i = 0; h->instance->plugin->handlers[i] != NULL; i++)
		if (i == handler)
			return true;
	return false;
}

static void host_serve_one(struct host *h)
{
	struct gantry_message *m = &h->message;
	enum gantry_verdict verdict;
	enum frame_work work;
	struct effects before;
	struct wire_eye eye;
	unsigned handler;
	char *bytes;
	size_t len;

	host_receive(&bytes, &len);
	eye = (struct wire_eye){ bytes, bytes + len, false };
	message_init(m, GANTRY_SOURCE_HTTP, NULL);
	m->route = &h->route;
	if (frame_take_request(&eye, &work, &handler, m) < 0 || !host_has(h, handler))
		_exit(2);
	before = m->effects;
	verdict = message_heed(m, host_run(h, work, handler), &before);
	frame_put_reply(&h->pen, m, verdict, &before);
	host_send(h);
	message_clear(m);
	free(bytes);
}

int host_main(void)
{
	static struct host h;
	struct stat st;

	if (fstat(AGAIN_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		fputs("gantry: plugin-host is started by \"gantry serve\", for handlers "
		      "with isolation: process\n", stderr);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mould_serve();
	/* a copy does not have it, and is the gateway's child, too */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	host_begin(&h);
	h.step = (struct route_step){ h.instance, h.instance->plugin->handlers[0] };
	h.route = (struct route){ .address = "", .place = "", .steps = &h.step, .n_steps = 1 };
	for (;;)
		host_serve_one(&h);
}
