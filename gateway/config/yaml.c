/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - see yaml.h. Events, not libyaml's documents: those have no limit of
 * nesting, take quadratic time and let duplicate keys pass.
 */
#include "gateway/config/yaml.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "gateway/base/memory.h"

struct yaml_reader {
	yaml_parser_t parser;
	const struct node_file *file;
	struct arena *arena;
	struct problems *problems;
	const char *text;
	size_t len;
	struct node *root;
	struct node *open[YAML_MAX_DEPTH];	/* innermost last */
	struct node *key[YAML_MAX_DEPTH];	/* that waits for its value */
	unsigned depth;
	unsigned documents;
};

static int yaml_refuse(struct yaml_reader *r, yaml_mark_t mark,
		       const char *what)
{
	unsigned place[2] = { (unsigned)mark.line + 1,
			      (unsigned)mark.column + 1 };

	return problems_add_at(r->problems, r->file, place, "%s", what);
}

/* libyaml tells an offset for what is no text, and a mark for the rest. */
static yaml_mark_t yaml_mark_of(const struct yaml_reader *r)
{
	yaml_mark_t mark = r->parser.problem_mark;

	if (r->parser.error != YAML_READER_ERROR)
		return mark;
	mark.line = mark.column = 0;
	for (size_t i = 0; i < r->parser.problem_offset && i < r->len; i++) {
		bool newline = r->text[i] == '\n';

		mark.line += newline;
		mark.column = newline ? 0 : mark.column + 1;
	}
	return mark;
}

/* Whether the line of a mark is indented by a tab, the usual slip. */
static bool yaml_has_tab(const struct yaml_reader *r, size_t line)
{
	const char *at = r->text, *end = r->text + r->len;

	while (line-- > 0 && at != NULL) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at != NULL ? at + 1 : NULL;
	}
	while (at != NULL && at < end && *at == ' ')
		at++;
	return at != NULL && at < end && *at == '\t';
}

static int yaml_broken(struct yaml_reader *r)
{
	yaml_mark_t mark = yaml_mark_of(r);
	unsigned place[2] = { (unsigned)mark.line + 1,
			      (unsigned)mark.column + 1 };
	const char *why = r->parser.problem;

	if (r->parser.error == YAML_MEMORY_ERROR || why == NULL)
		why = "out of memory";
	return problems_add_at(r->problems, r->file, place, "not YAML: %s%s",
			       why, yaml_has_tab(r, mark.line) ?
			       " (indent with spaces, not tabs)" : "");
}

static struct node *yaml_node(struct yaml_reader *r, enum node_kind kind,
			      yaml_mark_t mark)
{
	struct node *node = arena_zero(r->arena, sizeof(*node));

	node->kind = kind;
	node->file = r->file;
	node->line = (unsigned)mark.line + 1;
	node->column = (unsigned)mark.column + 1;
	return node;
}

/* Room for one more at powers of two. */
static struct node **yaml_room(struct yaml_reader *r, struct node **list,
			       size_t n)
{
	struct node **larger;

	if (n != 0 && (n & (n - 1)) != 0)
		return list;
	larger = arena_alloc(r->arena, (n == 0 ? 1 : n * 2) * sizeof(*list));
	if (n > 0)
		memcpy(larger, list, n * sizeof(*list));
	return larger;
}

static int yaml_take_key(struct yaml_reader *r, struct node *map,
			 struct node *key)
{
	const struct node *before;

	if (key->kind != NODE_TEXT)
		return problems_add(r->problems, key, "a key must be a text");
	before = node_key(map, key->text);
	if (before != NULL)
		return problems_add(r->problems, key,
				    "%s: the same key as in line %u", key->text,
				    before->line);
	if (map->n >= YAML_MAX_KEYS)
		return problems_add(r->problems, key,
				    "more than %d keys in one mapping",
				    YAML_MAX_KEYS);
	r->key[r->depth - 1] = key;
	return 0;
}

/* A node goes into whatever is open: root, list, key or value. */
static int yaml_attach(struct yaml_reader *r, struct node *node)
{
	struct node *into = r->depth > 0 ? r->open[r->depth - 1] : NULL;
	struct node *key;

	if (into == NULL) {
		r->root = node;
		return 0;
	}
	key = r->key[r->depth - 1];
	if (into->kind == NODE_MAP && key == NULL)
		return yaml_take_key(r, into, node);
	if (into->kind == NODE_MAP) {
		into->keys = yaml_room(r, into->keys, into->n);
		into->keys[into->n] = key;
		r->key[r->depth - 1] = NULL;
	}
	into->items = yaml_room(r, into->items, into->n);
	into->items[into->n++] = node;
	return 0;
}

static int yaml_open(struct yaml_reader *r, struct node *node)
{
	if (yaml_attach(r, node) < 0)
		return -1;
	if (r->depth == YAML_MAX_DEPTH)
		return problems_add(r->problems, node,
				    "nested more than %d deep", YAML_MAX_DEPTH);
	r->open[r->depth] = node;
	r->key[r->depth++] = NULL;
	return 0;
}

static int yaml_scalar(struct yaml_reader *r, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	struct node *node;

	if (memchr(text, '\0', len) != NULL)
		return yaml_refuse(r, e->start_mark, "a text with a NUL in it");
	node = yaml_node(r, NODE_TEXT, e->start_mark);
	node->text = arena_text_n(r->arena, text, len);
	node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return yaml_attach(r, node);
}

static int yaml_begin(struct yaml_reader *r, const yaml_event_t *e,
		      enum node_kind kind)
{
	return yaml_open(r, yaml_node(r, kind, e->start_mark));
}

static int yaml_decorated(struct yaml_reader *r, const yaml_event_t *e,
			  const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		return yaml_refuse(r, e->start_mark, "anchors are not allowed");
	if (tag != NULL)
		return yaml_refuse(r, e->start_mark, "tags are not allowed");
	return 0;
}

static int yaml_event(struct yaml_reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return yaml_refuse(r, e->start_mark, "aliases are not allowed");
	case YAML_DOCUMENT_START_EVENT:
		if (r->documents++ > 0)
			return yaml_refuse(r, e->start_mark,
					   "a second document is not allowed");
		return 0;
	case YAML_SCALAR_EVENT:
		if (yaml_decorated(r, e, e->data.scalar.anchor,
				   e->data.scalar.tag) < 0)
			return -1;
		return yaml_scalar(r, e);
	case YAML_SEQUENCE_START_EVENT:
		if (yaml_decorated(r, e, e->data.sequence_start.anchor,
				   e->data.sequence_start.tag) < 0)
			return -1;
		return yaml_begin(r, e, NODE_LIST);
	case YAML_MAPPING_START_EVENT:
		if (yaml_decorated(r, e, e->data.mapping_start.anchor,
				   e->data.mapping_start.tag) < 0)
			return -1;
		return yaml_begin(r, e, NODE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		assert(r->depth > 0);
		r->depth--;
		return 0;
	default:
		return 0;
	}
}

static int yaml_run(struct yaml_reader *r)
{
	yaml_event_t event;
	bool end = false;
	int result = 0;

	while (!end && result == 0) {
		if (!yaml_parser_parse(&r->parser, &event))
			return yaml_broken(r);
		end = event.type == YAML_STREAM_END_EVENT;
		result = yaml_event(r, &event);
		yaml_event_delete(&event);
	}
	return result;
}

static struct node *yaml_root(struct yaml_reader *r)
{
	yaml_mark_t start = { 0, 0, 0 };

	if (r->root == NULL || node_is_empty(r->root))
		return yaml_node(r, NODE_MAP, start);
	if (r->root->kind == NODE_MAP)
		return r->root;
	problems_add(r->problems, r->root, "must be a mapping, not %s",
		     node_kind_name(r->root));
	return NULL;
}

struct node *yaml_parse(const struct node_file *file, const char *text,
			size_t len, struct arena *arena,
			struct problems *problems)
{
	struct yaml_reader r = { .file = file, .arena = arena,
				 .problems = problems, .text = text,
				 .len = len };
	struct node *root = NULL;

	if (len > YAML_MAX_BYTES) {
		problems_add_at(problems, file, NULL,
				"larger than %u bytes", YAML_MAX_BYTES);
		return NULL;
	}
	if (!yaml_parser_initialize(&r.parser))
		abort();
	/* said, not guessed: else a file could switch to UTF-16 */
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text,
				     len);
	if (yaml_run(&r) == 0)
		root = yaml_root(&r);
	yaml_parser_delete(&r.parser);
	return root;
}

/* At most one byte more than allowed, so that too much can be told. */
static ssize_t yaml_slurp(int fd, char *text, size_t room)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < room) {
		n = read(fd, text + len, room - len);
		if (n < 0)
			return -1;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

struct node *yaml_read(const struct node_file *file, struct arena *arena,
		       struct problems *problems)
{
	AUTO_FREE char *text = memory_new(YAML_MAX_BYTES + 1);
	/* a FIFO must not hold us up */
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t len = fd < 0 ? -1 : yaml_slurp(fd, text, YAML_MAX_BYTES + 1);

	if (len < 0)
		problems_add_at(problems, file, NULL, "cannot read %s: %s",
				file->path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return len < 0 ? NULL :
			 yaml_parse(file, text, (size_t)len, arena, problems);
}

const char *yaml_version(void)
{
	return yaml_get_version_string();
}
