/* SPDX-License-Identifier: Apache-2.0 */
/* config - files merged in their order, and what is wrong in their words. */
#include "tests/unit/config_files.h"

#include "gateway/base/error.h"
#include "gateway/config/option.h"
#include "gateway/config/sections.h"

#define STORAGE "storage: {plugin: sqlite, path: /x}\n"

static void test_nothing_but_storage(void **state)
{
	struct problems problems = { 0 };
	struct files f;
	struct config *c;

	(void)state;
	files_begin(&f);
	files_put(&f, "gantry.yaml", STORAGE);
	c = files_load(&f, &problems);
	assert_int_equal(problems.n, 0);
	assert_string_equal(c->service, "gantry");
	assert_null(c->replica);
	assert_string_equal(c->http.listen, "127.0.0.1:8080");
	assert_int_equal(c->http.max_body, 1 << 20);
	assert_int_equal(c->http.max_head, 16384);
	assert_int_equal(c->http.threads, 1);
	assert_string_equal(c->admin.listen, "127.0.0.1:9080");
	assert_string_equal(c->admin.socket, "/run/gantry/admin.sock");
	assert_int_equal(c->commit.max_batch, 128);
	assert_int_equal(c->engine.workers, 4);
	assert_int_equal(c->log.level, GANTRY_LOG_INFO);
	assert_null(c->amqp);
	assert_string_equal(c->storage->path, "storage");
	assert_int_equal(c->n_routes, 0);
	config_free(&c);
	problems_fini(&problems);
	files_end(&f);
}

static void test_sections_are_read(void **state)
{
	struct problems problems = { 0 };
	struct files f;
	struct config *c;

	(void)state;
	files_begin(&f);
	files_put(&f, "gantry.yaml",
		  STORAGE "service: shop\nreplica: shop-1\n"
			  "http: {listen: \"[::1]:80\", max_body: 2M, threads: 3}\n"
			  "admin: {listen: localhost:1, socket: run/a.sock}\n"
			  "log: {level: debug, form: json}\n"
			  "engine: {workers: 9}\ncommit: {queue: 10}\n"
			  "amqp: {url: \"amqps://h/v\", user: u}\n"
			  "auth:\nhandlers: {}\nroutes:\n");
	c = files_load(&f, &problems);
	problems_print(&problems, stderr);
	assert_int_equal(problems.n, 0);
	assert_string_equal(c->service, "shop");
	assert_string_equal(c->replica, "shop-1");
	assert_string_equal(c->http.listen, "[::1]:80");
	assert_int_equal(c->http.max_body, 2 << 20);
	assert_int_equal(c->http.threads, 3);
	assert_string_equal(c->admin.listen, "localhost:1");
	assert_non_null(strstr(c->admin.socket, "/run/a.sock"));
	assert_int_equal(c->log.level, GANTRY_LOG_DEBUG);
	assert_int_equal(c->log.form, 2);
	assert_int_equal(c->engine.workers, 9);
	assert_int_equal(c->commit.queue, 10);
	assert_string_equal(c->broker.url, "amqps://h/v");
	assert_string_equal(c->broker.user, "u");
	config_free(&c);
	problems_fini(&problems);
	files_end(&f);
}

static void test_presets_main_and_conf_d(void **state)
{
	struct problems problems = { 0 };
	struct files f;
	struct config *c;
	const struct config_entry *e;

	(void)state;
	files_begin(&f);
	files_put(&f, "presets/one.yaml",
		  "handlers:\n  a: {plugin: p1, x: 1}\n  b: {plugin: p1}\n"
		  "routes:\n  - {every: 10s, pipeline: [a.b]}\n"
		  "  - {http: \"GET /x/{id}\", auth: none, pipeline: [a.b]}\n");
	files_put(&f, "presets/two.yaml", "handlers:\n  a: {plugin: p2}\n");
	files_put(&f, "gantry.yaml",
		  "use: [one, two]\n" STORAGE "handlers: {b: {plugin: main}}\n");
	files_put(&f, "conf.d/20.yaml", "storage: {plugin: s20}\n");
	files_put(&f, "conf.d/10.yaml",
		  "storage: {plugin: s10}\nroutes:\n"
		  "  - {every: 60s, pipeline: [a.b]}\n"
		  "  - {http: \"GET /x/{key}\", auth: none, pipeline: [b.c]}\n");
	files_put(&f, "conf.d/.hidden.yaml", "nonsense: 1\n");
	files_put(&f, "conf.d/30.yaml.bak", "nonsense: 1\n");
	c = files_load(&f, &problems);
	problems_print(&problems, stderr);
	assert_int_equal(problems.n, 0);
	assert_int_equal(c->n_files, 5);
	assert_string_equal(c->files[2]->name, "gantry.yaml");
	assert_string_equal(c->files[4]->name, "conf.d/20.yaml");
	e = c->storage;
	assert_string_equal(node_get(e->node, "plugin")->text, "s20");
	assert_string_equal(node_place(e->key, &c->arena), "conf.d/20.yaml:1:1");
	assert_string_equal(node_place(e->replaced->key, &c->arena),
			    "conf.d/10.yaml:1:1");
	assert_string_equal(node_place(e->replaced->replaced->key, &c->arena),
			    "gantry.yaml:2:1");
	assert_null(e->replaced->replaced->replaced);
	/* replaced as a whole, in the place of the first */
	assert_int_equal(c->handlers.n, 2);
	assert_string_equal(c->handlers.items[0]->path, "handlers.a");
	assert_null(node_get(c->handlers.items[0]->node, "x"));
	assert_string_equal(node_place(c->handlers.items[0]->key, &c->arena),
			    "two.yaml:2:3");
	assert_string_equal(node_place(c->handlers.items[1]->key, &c->arena),
			    "gantry.yaml:3:12");
	assert_int_equal(c->n_routes, 2);
	assert_int_equal(c->routes[0]->every_ms, 60000);
	assert_string_equal(c->routes[1]->template, "/x/{key}");
	assert_non_null(c->routes[1]->entry.replaced);
	config_free(&c);
	problems_fini(&problems);
	files_end(&f);
}

static void test_design_example_of_an_error(void **state)
{
	(void)state;
	/* storage's own keys are the plugin's matter; http's are ours */
	files_expect(STORAGE "http: {lissten: 1.2.3.4:5}\n",
		     "gantry.yaml:2:8: http.lissten: unknown key (did you mean "
		     "\"listen\"?)\n");
}

static void test_errors_of_the_top(void **state)
{
	(void)state;
	files_expect("handler: {}\nstorag: {}\nservice: [a]\nreplica: \"a b\"\n"
		     "auth: [x]\nroutes: {}\nhandlers: {2x: {plugin: p}, "
		     "none: {plugin: p}, a: p, b: {}, c: {plugin: []}}\n",
		     "gantry.yaml: storage: missing\n"
		     "gantry.yaml:1:1: handler: unknown key (did you mean "
		     "\"handlers\"?)\n"
		     "gantry.yaml:2:1: storag: unknown key (did you mean "
		     "\"storage\"?)\n"
		     "gantry.yaml:3:10: service: must be a name of letters, "
		     "digits, - and _ that begins with a letter\n"
		     "gantry.yaml:4:10: replica: must be a name of letters, "
		     "digits, - and _ that begins with a letter\n"
		     "gantry.yaml:5:7: auth: must be a mapping, not a list\n"
		     "gantry.yaml:6:9: routes: must be a list, not a mapping\n"
		     "gantry.yaml:7:12: handlers: \"2x\" is no name of letters, "
		     "digits, - and _ that begins with a letter\n"
		     "gantry.yaml:7:29: handlers: \"none\" is no name of "
		     "letters, digits, - and _ that begins with a letter\n"
		     "gantry.yaml:7:51: handlers.a: must be a mapping, not a "
		     "text\n"
		     "gantry.yaml:7:54: handlers.b.plugin: missing\n"
		     "gantry.yaml:7:73: handlers.c.plugin: must be a plugin's "
		     "name or the path of its file\n");
}

static void test_errors_of_upstreams(void **state)
{
	(void)state;
	files_expect(STORAGE "auth: {services: {plugin: p}}\n"
			     "breakers: {calls: {plugin: p}}\n"
			     "upstreams:\n"
			     "  a: {url: \"http://h:1/x?y\", breaker: call}\n"
			     "  b: {url: \"http://me@h\", auth: service}\n"
			     "  c: {url: \"http://h/a@b\", breaker: calls, roles: [r], kid: k}\n"
			     "  d: {url: \"https://h\", breaker: calls, cert_file: c}\n"
			     "  e: {url: \"http://h\", ca_file: c, timeout: 11s}\n"
			     "  f: {url: \"http://h i\", retries: 11, max_response: 1}\n"
			     "  g: {url: \"https://h\", verify: ful, pool: 0}\n",
		     "gantry.yaml:5:12: upstreams.a.url: nothing comes after its path\n"
		     "gantry.yaml:5:39: upstreams.a.breaker: there is no breaker "
		     "\"call\" (did you mean \"calls\"?)\n"
		     "gantry.yaml:6:12: upstreams.b.url: a user does not stand in "
		     "the URL; say auth\n"
		     "gantry.yaml:6:33: upstreams.b.auth: there is no auth "
		     "\"service\" (did you mean \"services\"?)\n"
		     "gantry.yaml:7:51: upstreams.c.roles: only with auth\n"
		     "gantry.yaml:7:61: upstreams.c.kid: only with auth\n"
		     "gantry.yaml:8:34: upstreams.d.breaker: \"calls\" guards "
		     "upstreams.c already\n"
		     "gantry.yaml:8:52: upstreams.d.cert_file: cert_file and "
		     "key_file belong together\n"
		     "gantry.yaml:9:3: upstreams.e.deadline: is shorter than "
		     "timeout\n"
		     "gantry.yaml:9:33: upstreams.e.ca_file: only with an https:// "
		     "URL\n"
		     "gantry.yaml:10:35: upstreams.f.retries: must be 0 to 10: "
		     "\"11\"\n"
		     "gantry.yaml:10:53: upstreams.f.max_response: must be 1K to "
		     "64M: \"1\"\n"
		     "gantry.yaml:11:33: upstreams.g.verify: not one of full, ca, "
		     "none (did you mean \"full\"?): \"ful\"\n"
		     "gantry.yaml:11:44: upstreams.g.pool: must be 1 to 1024: "
		     "\"0\"\n");
}

static void test_errors_of_addresses(void **state)
{
	(void)state;
	files_expect(STORAGE "http: {listen: 8080}\nadmin: {listen: \"::1:80\"}\n"
			     "amqp: {url: \"http://h\"}\n"
			     "upstreams: {a: {url: \"ftp://h\"}, b: {}, "
			     "c: {url: \"http://u:hush@h\"}}\n",
		     "gantry.yaml:2:16: http.listen: not an address with a port "
		     "(127.0.0.1:8080, [::1]:8080): \"8080\"\n"
		     "gantry.yaml:3:17: admin.listen: not an address with a "
		     "port (127.0.0.1:8080, [::1]:8080): \"::1:80\"\n"
		     "gantry.yaml:4:13: amqp.url: not a URL that begins with "
		     "amqp:// or amqps://: \"http://h\"\n"
		     "gantry.yaml:5:22: upstreams.a.url: not a URL that begins "
		     "with http:// or https://: \"ftp://h\"\n"
		     "gantry.yaml:5:37: upstreams.b.url: missing\n"
		     "gantry.yaml:5:50: upstreams.c.url: a password must not "
		     "stand in a URL; put it into a file and name that by an "
		     "option that ends in _file\n");
	files_expect(STORAGE "amqp: {url: \"amqp://u:hush@h/\", password: x}\n",
		     "gantry.yaml:2:13: amqp.url: a password must not stand in "
		     "a URL; put it into a file and name that by an option that "
		     "ends in _file\n"
		     "gantry.yaml:2:33: amqp.password: unknown key (did you "
		     "mean \"password_file\"?)\n");
}

static void amqp_expect(const char *says, const char *problems)
{
	char *text = memory_format(STORAGE "amqp: {url: %s}\n", says);

	files_expect(text, problems);
	free(text);
}

static void test_errors_of_amqp_url(void **state)
{
	(void)state;
	amqp_expect("\"amqp://h1,h2:5673,[::1]/a%2Fb%20c\"", "");
	amqp_expect("\"amqp://u@h1/\"",
		    "gantry.yaml:2:13: amqp.url: a user does not stand in the "
		    "URL; say amqp.user and amqp.password_file: "
		    "\"amqp://u@h1/\"\n");
	amqp_expect("\"amqp://h1:5672,H1/\"",
		    "gantry.yaml:2:13: amqp.url: h1:5672 is there twice: "
		    "\"amqp://h1:5672,H1/\"\n");
	amqp_expect("\"amqp://h1:65536\"",
		    "gantry.yaml:2:13: amqp.url: not a port of 1 to 65535: "
		    "\"65536\": \"amqp://h1:65536\"\n");
	amqp_expect("\"amqp://h1,,h2\"",
		    "gantry.yaml:2:13: amqp.url: not a host, or host:port: "
		    "\"\": \"amqp://h1,,h2\"\n");
	amqp_expect("\"amqp://[::1/\"",
		    "gantry.yaml:2:13: amqp.url: not a host, or host:port: "
		    "\"[::1\": \"amqp://[::1/\"\n");
	amqp_expect("\"amqp://h/a/b\"",
		    "gantry.yaml:2:13: amqp.url: a / in the name of the virtual "
		    "host is %2F: \"amqp://h/a/b\"\n");
	amqp_expect("\"amqp://h/a%2\"",
		    "gantry.yaml:2:13: amqp.url: the virtual host has a bad "
		    "escape, or is no name of at most 255 bytes: "
		    "\"amqp://h/a%2\"\n");
	amqp_expect("\"amqp://h/?heartbeat=3\"",
		    "gantry.yaml:2:13: amqp.url: nothing comes after the "
		    "virtual host; ? and # in its name are %3F and %23: "
		    "\"amqp://h/?heartbeat=3\"\n");
}

static void test_errors_of_amqp(void **state)
{
	(void)state;
	amqp_expect("amqp://h, ca_file: ca.pem, verify: none",
		    "gantry.yaml:2:32: amqp.ca_file: only with an amqps:// "
		    "URL\n"
		    "gantry.yaml:2:48: amqp.verify: only with an amqps:// "
		    "URL\n");
	amqp_expect("amqps://h, key_file: client.key",
		    "gantry.yaml:2:34: amqp.key_file: cert_file and key_file "
		    "belong together\n");
	amqp_expect("amqps://h, verify: maybe",
		    "gantry.yaml:2:32: amqp.verify: not one of full, ca, none: "
		    "\"maybe\"\n");
	amqp_expect("amqp://h, heartbeat: 1500ms",
		    "gantry.yaml:2:34: amqp.heartbeat: must be whole seconds\n");
	amqp_expect("amqp://h, retry: [1s, 1m, 60s]",
		    "gantry.yaml:2:39: amqp.retry[2]: not longer than the one "
		    "before: \"60s\"\n");
	amqp_expect("amqp://h, retry: [soon]",
		    "gantry.yaml:2:31: amqp.retry[0]: not a duration of 100ms "
		    "to 24h: \"soon\"\n");
	amqp_expect("amqp://h, retry: []",
		    "gantry.yaml:2:30: amqp.retry: must have 1 to 8 entries, "
		    "has 0\n");
	amqp_expect("amqp://h, exchanges: [a, \"b\\n\"]",
		    "gantry.yaml:2:38: amqp.exchanges[1]: must be a name of at "
		    "most 255 bytes\n");
}

static void test_amqp_is_filled(void **state)
{
	struct problems problems = { 0 };
	const struct config_amqp *amqp;
	struct files f;
	struct config *c;

	(void)state;
	files_begin(&f);
	files_put(&f, "gantry.yaml",
		  STORAGE "amqp: {url: \"amqps://h1,h2:5,[::1]/a%2fb\"}\n");
	c = files_load(&f, &problems);
	assert_int_equal(problems.n, 0);
	amqp = &c->broker;
	assert_true(amqp->tls);
	assert_string_equal(amqp->vhost, "a/b");
	assert_int_equal(amqp->n_endpoints, 3);
	assert_string_equal(amqp->endpoints[0].text, "h1:5671");
	assert_string_equal(amqp->endpoints[1].text, "h2:5");
	assert_string_equal(amqp->endpoints[2].host, "::1");
	assert_string_equal(amqp->endpoints[2].text, "[::1]:5671");
	assert_int_equal(amqp->n_retry, 4);
	assert_string_equal(amqp->retry[3], "5m");
	assert_int_equal(amqp->retry_ms[3], 300000);
	assert_string_equal(amqp->exchanges[1], "inventory.notifications");
	assert_null(amqp->exchanges[2]);
	assert_true(amqp->declare_exchanges);
	assert_int_equal(amqp->verify, CONFIG_VERIFY_FULL);
	config_free(&c);
	problems_fini(&problems);
	files_end(&f);
}

static void test_errors_of_use(void **state)
{
	struct problems problems = { 0 };
	struct files f;
	struct config *c;
	char *text;

	(void)state;
	files_begin(&f);
	files_put(&f, "presets/inventory.yaml", "use: other\n");
	files_put(&f, "gantry.yaml",
		  "use: [inventry, inventory, inventory, ../x]\n" STORAGE);
	files_put(&f, "conf.d/1.yaml", "a: [\n");
	c = files_load(&f, &problems);
	text = files_problems(&f, &problems);
	assert_string_equal(
		text,
		"inventory.yaml:1:1: use: only the main file names presets\n"
		"gantry.yaml:1:7: use: there is no preset "
		"FOLDER/presets/inventry.yaml (did you mean \"inventory\"?)\n"
		"gantry.yaml:1:28: use: inventory is there twice\n"
		"gantry.yaml:1:39: use: must be names of presets\n"
		"conf.d/1.yaml:2:1: not YAML: did not find expected node "
		"content\n");
	free(text);
	problems_fini(&problems);
	config_free(&c);
	files_end(&f);
}

static void test_no_main_file(void **state)
{
	struct problems problems = { 0 };
	struct files f;
	char *text;

	(void)state;
	files_begin(&f);
	assert_null(files_load(&f, &problems));
	text = files_problems(&f, &problems);
	assert_string_equal(text, "gantry.yaml: cannot read "
				  "FOLDER/gantry.yaml: No such file or "
				  "directory\n");
	free(text);
	problems_fini(&problems);
	files_end(&f);
}

/* One of several gateways on a host: its own file comes last. */
static void test_with_one_more_file(void **state)
{
	struct problems problems = { 0 };
	struct config *c;
	struct files f;
	static const char own[] = "replica: host-1\n"
				  "http: {listen: 127.0.0.1:8081}\n"
				  "admin: {listen: 127.0.0.1:9081}\n";
	char *main_file, *with;

	(void)state;
	files_begin(&f);
	files_put(&f, "gantry.yaml", "service: s\n"
				     "replica: all\n"
				     "http: {listen: 127.0.0.1:8080, threads: 3}\n"
				     "storage: {plugin: one}\n");
	files_put(&f, "conf.d/10.yaml", "admin: {listen: 127.0.0.1:9999}\n");
	with = files_write(&f, "replicas/1.yaml", own, strlen(own));
	main_file = memory_format("%s/gantry.yaml", f.folder);
	c = config_load_with(main_file, with, f.folder, &problems);
	assert_int_equal(problems.n, 0);
	assert_string_equal(c->with, with);
	assert_string_equal(c->replica, "host-1");
	assert_string_equal(c->http.listen, "127.0.0.1:8081");
	/* a whole entry is replaced, never a part of it */
	assert_int_equal(c->http.threads, 1);
	assert_string_equal(c->admin.listen, "127.0.0.1:9081");
	assert_string_equal(config_find(&c->sections, "admin")->replaced->node->file->name,
			    "conf.d/10.yaml");
	assert_string_equal(c->files[2]->name, with);
	config_free(&c);
	free(with);
	with = memory_format("%s/replicas/2.yaml", f.folder);
	c = config_load_with(main_file, with, f.folder, &problems);
	free(with);
	with = files_problems(&f, &problems);
	assert_string_equal(with, "FOLDER/replicas/2.yaml: cannot read FOLDER/replicas/2.yaml: "
				  "No such file or directory\n");
	config_free(&c);
	problems_fini(&problems);
	free(with);
	free(main_file);
	files_end(&f);
}

static void test_many_problems(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct problems problems = { 0 };
	struct files f;
	struct config *c;

	(void)state;
	fputs(STORAGE, out);
	for (int i = 0; i < 300; i++)
		fprintf(out, "unknown%d: 1\n", i);
	fclose(out);
	files_begin(&f);
	files_put(&f, "gantry.yaml", text);
	free(text);
	c = files_load(&f, &problems);
	assert_int_equal(problems.n, 300);
	text = files_problems(&f, &problems);
	assert_non_null(strstr(text, "gantry.yaml:201:1: unknown199: unknown "
				     "key\nand 100 more\n"));
	free(text);
	problems_fini(&problems);
	config_free(&c);
	files_end(&f);
}

/* That the page has key with its default, behind the head of its section. */
static void page_has(const char *page, const char *section,
		     const struct gantry_option *o)
{
	char *head = memory_format("\n.SS %s\n", section);
	char *item = memory_format("\n.B %s\n", o->name);
	const char *begin = strstr(page, head), *end, *at;

	if (begin == NULL)
		fail_msg("gantry.yaml.5: no section %s", section);
	end = strstr(begin + 4, "\n.SS ");
	at = strstr(begin, item);
	if (at == NULL || (end != NULL && at > end))
		fail_msg("gantry.yaml.5: %s has no %s", section, o->name);
	at += strlen(item);
	end = strstr(at, "\n.TP");
	if (o->fallback != NULL) {
		const char *value = strstr(at, o->fallback);

		if (value == NULL || (end != NULL && value > end))
			fail_msg("gantry.yaml.5: %s.%s is %s by default",
				 section, o->name, o->fallback);
	}
	free(head);
	free(item);
}

static void test_the_manual_knows_every_key(void **state)
{
	char *page = memory_new(1 << 16);
	FILE *file = fopen(MANUAL, "r");
	struct gantry_error err = { 0 };

	(void)state;
	assert_non_null(file);
	assert_true(fread(page, 1, (1 << 16) - 1, file) > 1000);
	fclose(file);
	for (const struct section *s = section_list; s->name != NULL; s++) {
		assert_non_null(strstr(page, s->name));
		if (option_table_check(s->options, 4096, &err) < 0)
			fail_msg("%s: %s", s->name, err.message);
		for (size_t i = 0; s->options != NULL && s->options[i] != NULL;
		     i++)
			page_has(page, s->name, s->options[i]);
	}
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_but_storage),
		cmocka_unit_test(test_sections_are_read),
		cmocka_unit_test(test_presets_main_and_conf_d),
		cmocka_unit_test(test_design_example_of_an_error),
		cmocka_unit_test(test_errors_of_the_top),
		cmocka_unit_test(test_errors_of_upstreams),
		cmocka_unit_test(test_errors_of_addresses),
		cmocka_unit_test(test_errors_of_amqp_url),
		cmocka_unit_test(test_errors_of_amqp),
		cmocka_unit_test(test_amqp_is_filled),
		cmocka_unit_test(test_errors_of_use),
		cmocka_unit_test(test_no_main_file),
		cmocka_unit_test(test_with_one_more_file),
		cmocka_unit_test(test_many_problems),
		cmocka_unit_test(test_the_manual_knows_every_key),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
