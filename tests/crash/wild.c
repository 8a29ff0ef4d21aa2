/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wild - a handler for tests that does what a broken or an evil plugin would, as
 * its message says: {"do": "crash"}.
 */
#include <gantry/plugin.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct wild {
	const char *greeting;
	int calls;
};

static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct wild, greeting, .fallback = "hello",
		    .summary = "What a good message is answered with"),
	NULL
};

/* A page that nobody may touch: what the optimiser cannot prove. */
static void wild_touch(volatile char *at)
{
	*at = 1;
}

static int wild_publish(struct gantry_message *m, struct gantry_error *err)
{
	json_t *payload = json_pack("{sb}", "wild", 1);
	int done = gantry_publish(m, &GANTRY_EVENT(.exchange = "wild", .routing_key = "wild",
				  .payload = payload), err);

	json_decref(payload);
	return done;
}

/* One of 900,000 bytes fits, but no second one: it is told so, and does not listen. */
static void wild_fill(struct gantry_message *m, size_t len)
{
	char *much = malloc(len);

	memset(much, 'x', len);
	much[0] = much[len - 1] = '"';
	for (int i = 0; i < 100; i++)
		gantry_publish(m, &GANTRY_EVENT(.exchange = "wild", .routing_key = "wild",
			       .payload_text = much, .payload_len = len), NULL);
	free(much);
}

static enum gantry_verdict wild_forbidden(struct gantry_message *m,
					  struct gantry_error *err)
{
	bool file = open("/etc/passwd", O_RDONLY) >= 0;
	bool network = socket(AF_INET, SOCK_STREAM, 0) >= 0;
	bool process = fork() >= 0;
	bool code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
	bool signals = kill(getppid(), 0) == 0;
	json_t *said = json_pack("{sb, sb, sb, sb, sb}", "file", file, "network", network,
				 "process", process, "code", code, "signal", signals);
	int done = gantry_reply(m, 200, said, err);

	json_decref(said);
	return done == 0 ? GANTRY_DONE : GANTRY_FAILED;
}

static enum gantry_verdict wild_good(struct wild *w, struct gantry_message *m,
				     struct gantry_error *err)
{
	const json_t *before = gantry_record_get(m, "wild", "count", err);
	json_t *now, *reply;
	int done;

	if (gantry_asking(m))
		return GANTRY_FAILED;
	now = json_integer(1 + json_integer_value(before));
	reply = json_pack("{ss, sO, ss, ss}", "greeting", w->greeting, "count", now, "id",
			  gantry_mint(m, "wild_"), "subject", gantry_subject(m));
	gantry_log(m, GANTRY_LOG_INFO, "good for %s", gantry_subject(m));
	done = gantry_record_put(m, "wild", "count", now, err) < 0 ||
	       wild_publish(m, err) < 0 || gantry_reply(m, 201, reply, err) < 0 ||
	       gantry_reply_header(m, "X-Wild", "yes", err) < 0;
	json_decref(now);
	json_decref(reply);
	return done ? GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict wild_do(void *self, struct gantry_message *m,
				   struct gantry_error *err)
{
	struct wild *w = self;
	const json_t *body = gantry_json(m, err);
	const char *what = json_string_value(json_object_get(body, "do"));

	if (what == NULL)
		return gantry_reject(err, "VALIDATION_ERROR");
	w->calls++;
	if (strcmp(what, "crash") == 0)
		wild_touch(NULL);
	if (strcmp(what, "abort") == 0)
		abort();
	if (strcmp(what, "exit") == 0)
		_exit(0);
	while (strcmp(what, "spin") == 0)
		wild_touch((char *)&(char){ 0 });
	while (strcmp(what, "leak") == 0)
		memset(malloc(1 << 20), 1, 1 << 20);
	if (strcmp(what, "scribble") == 0)
		for (char *at = (char *)w + 4096;; at += 512)
			wild_touch(at);
	if (strcmp(what, "nonsense") == 0)
		return (enum gantry_verdict)77;
	/* a frame of its own over whatever is open */
	if (strcmp(what, "forge") == 0)
		for (int fd = 3; fd < 16; fd++)
			if (write(fd, "\xff\xff\xff\x7f forged", 11) < 0)
				continue;
	if (strcmp(what, "flood") == 0)
		wild_fill(m, 900000);
	if (strcmp(what, "excess") == 0)
		wild_fill(m, 2000000);
	if (strcmp(what, "forbidden") == 0)
		return wild_forbidden(m, err);
	return wild_good(w, m, err);
}

/* Commands, so that its settle is called, which does as its message says. */
static enum gantry_verdict wild_take(void *self, struct gantry_message *m,
				     struct gantry_error *err)
{
	const json_t *body = gantry_json(m, err);

	(void)self;
	if (body == NULL)
		return gantry_reject(err, "VALIDATION_ERROR");
	return gantry_command(m, &GANTRY_COMMAND(.kind = GANTRY_ALLOCATE,
		.order_id = json_string_value(json_object_get(body, "order")),
		.order_item_id = "oi_1",
		.item_id = json_string_value(json_object_get(body, "item")),
		.quantity = 1), err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static enum gantry_verdict wild_taken(const void *self, struct gantry_message *m,
				      struct gantry_error *err)
{
	const struct gantry_outcome *o = gantry_outcome(m, gantry_first_step(m));
	const json_t *body = gantry_json(m, err);
	const char *what = json_string_value(json_object_get(body, "settle"));
	struct gantry_writer *w = gantry_writer(m);
	const char *text;
	size_t len;

	(void)self;
	if (what != NULL && strcmp(what, "crash") == 0)
		wild_touch(NULL);
	if (what != NULL && strcmp(what, "sleep") == 0)
		usleep(400000);
	if (what != NULL && strcmp(what, "flood") == 0)
		wild_fill(m, 900000);
	gantry_write_object(w, NULL);
	gantry_write_text(w, "allocation", o->allocations[0]->id);
	gantry_write_text(w, "order", o->allocations[0]->order_id);
	gantry_write_int(w, "quantity", o->allocations[0]->quantity);
	gantry_write_int(w, "steps", gantry_steps(m));
	gantry_write_end(w);
	text = gantry_written(w, &len);
	return gantry_reply_text(m, 201, text, len, err) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "do", .summary = "Do as the message says", .handle = wild_do),
	GANTRY_HANDLER(.name = "take", .summary = "Allocate, and settle as it says",
		       .handle = wild_take, .settle = wild_taken),
	NULL
};

GANTRY_PLUGIN(.name = "wild", .version = "1.0.0",
	      .summary = "Does what a broken plugin would",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct wild),
	      .options = options, .handlers = handlers);
