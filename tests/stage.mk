# SPDX-License-Identifier: Apache-2.0
# The program with its plugins in one folder, as they were built just now, for
# the tests that start it.
STAGED = GANTRY=$(abs_top_builddir)/gantry \
	GANTRY_PLUGINS=$(abs_top_builddir)/stage/plugins \
	GANTRY_PRESETS=$(abs_top_srcdir)/etc \
	GANTRY_BUILD=$(abs_top_builddir) \
	GANTRY_FORGET=$(abs_top_builddir)/tests/fault/.libs/forget.so
AM_TESTS_ENVIRONMENT = export $(STAGED);

check_DATA += stage/stamp
stage/stamp: gantry$(EXEEXT) $(plugin_LTLIBRARIES)
	rm -rf stage
	$(MKDIR_P) stage/plugins
	cp -p plugins/*/.libs/*.so stage/plugins
	: >$@

# One after the other: all is a make of its own, and two must not build one file.
staged: all
	@$(MAKE) $(AM_MAKEFLAGS) stage/stamp
.PHONY: staged

clean-local:
	rm -rf stage screenshots tests/page/node_modules

# Each file starts a daemon of its own and says its cases (TAP); those in amqp/ have
# a RabbitMQ, too: storms are short here, "make torture" has the whole of them.
SYSTEM_TESTS = tests/system/api/examples.py tests/system/api/refusals.py \
	tests/system/api/access.py tests/system/api/moves.py \
	tests/system/api/idempotency.py tests/system/api/bulk.py \
	tests/system/api/items.py tests/system/api/events.py \
	tests/system/api/hammer.py tests/system/api/kills.py \
	tests/system/api/api_key.py tests/system/api/rate_limit.py \
	tests/system/api/tls.py tests/system/api/isolation.py \
	tests/system/admin/api.py tests/system/admin/cli.py \
	tests/system/admin/run_handler.py tests/system/admin/store.py \
	tests/system/admin/kit.py \
	tests/system/storage/copying.py \
	tests/system/observe/metrics.py tests/system/observe/prometheus.py \
	tests/system/observe/upstreams.py \
	tests/system/upstream/orders.py tests/system/upstream/keys.py \
	tests/system/upstream/tls.py \
	tests/system/replicas/with_file.py
SYSTEM_TESTS += tests/system/api/sockets.py
SYSTEM_TESTS += tests/system/upstream/proxy.py
SYSTEM_TESTS += tests/system/edge/api.py tests/system/edge/outage.py
EXTRA_DIST += tests/system/edge/_path.py tests/system/edge/side.py
SYSTEM_TESTS += tests/system/upstream/reconcile.py \
	tests/system/upstream/reconcile_outage.py
# The longest first.
BROKER_TESTS = tests/system/amqp/publish.py \
	tests/system/amqp/consume.py tests/system/amqp/cluster.py \
	tests/system/amqp/storm.py tests/system/amqp/shuffle.py \
	tests/system/amqp/wild.py tests/system/amqp/dead_letters.py \
	tests/system/observe/events.py tests/system/upstream/events.py \
	tests/system/amqp/topology.py tests/system/amqp/connect.py \
	tests/system/amqp/tables.py
SYSTEM_TESTS += tests/system/admin/reload.py tests/system/admin/reload_refused.py
BROKER_TESTS += tests/system/amqp/reload.py
# These start a PostgreSQL; the storm has a RabbitMQ, too, and three gateways.
POSTGRES_TESTS = tests/system/storage/between.py \
	tests/system/postgres/outage.py tests/system/replicas/storm.py \
	tests/system/postgres/failover.py tests/system/postgres/server.py \
	tests/system/postgres/planner.py tests/system/postgres/config.py \
	tests/system/replicas/apart.py
# This one starts a browser, and what npm brings: once is enough.
PAGE_TESTS = tests/system/admin/page.py
PAGE_RUN = $(PAGE_TESTS)
TESTS += $(PAGE_RUN)
EXTRA_DIST += $(PAGE_TESTS) tests/page/package.json tests/page/package-lock.json \
	tests/page/run.mjs
SYSTEM_TESTS += tests/system/admin/login.py
SYSTEM_TESTS += tests/system/observe/traces.py
BROKER_TESTS += tests/system/observe/trace_events.py
EXTRA_DIST += tests/system/observe/receiver.py
# What these say does not hang on where the gateways keep their tables: of the
# stages of ./check, one has them.
ONCE_TESTS = $(FAULT_TESTS) $(POSTGRES_TESTS) $(GUARD_TESTS) \
	tests/system/amqp/reload.py tests/system/amqp/shuffle.py \
	tests/system/observe/events.py tests/system/observe/trace_events.py \
	tests/system/upstream/events.py tests/system/upstream/keys.py \
	tests/system/amqp/topology.py tests/system/amqp/connect.py \
	tests/system/amqp/cluster.py tests/system/amqp/wild.py tests/system/api/tls.py tests/system/admin/kit.py \
	tests/system/storage/copying.py tests/system/observe/prometheus.py \
	tests/system/upstream/tls.py
# Those that run; the tarball has all of them.
SYSTEM_RUN = $(SYSTEM_TESTS)
BROKER_RUN = $(BROKER_TESTS)
POSTGRES_RUN = $(POSTGRES_TESTS)
TESTS += $(BROKER_RUN)
if PLUGIN_POSTGRES
TESTS += $(POSTGRES_RUN)
endif
TESTS += $(SYSTEM_RUN)
EXTRA_DIST += tests/system/upstream/drifts.py
EXTRA_DIST += $(SYSTEM_TESTS) $(BROKER_TESTS) $(POSTGRES_TESTS)
EXTRA_DIST += tests/system/contract.py tests/system/schema.py
EXTRA_DIST += tests/system/gantry.py tests/system/rabbit.py \
	tests/system/postgres.py tests/system/stores.py tests/system/tap.py \
	tests/system/around.py tests/system/run tests/system/http_guard.py \
	tests/system/api/_path.py tests/system/admin/_path.py \
	tests/system/admin/letters.py tests/system/admin/reloading.py \
	tests/system/amqp/_path.py \
	tests/system/amqp/world.py tests/system/amqp/commands.py tests/system/observe/_path.py \
	tests/system/observe/scrape.py tests/system/observe/alerts-test.yaml \
	tests/system/postgres/_path.py tests/system/postgres/load.py \
	tests/system/postgres/serve.py tests/system/replicas/_path.py \
	tests/system/replicas/several.py tests/system/storage/_path.py \
	tests/system/storage/both.py tests/system/upstream/_path.py \
	tests/system/upstream/order_service.py
EXTRA_DIST += demo .ci/run scripts/setup.sh scripts/count_tests.py \
	scripts/demo/day.py scripts/demo/invoices.py scripts/demo/traffic.py \
	scripts/demo/events.py \
	data/online-retail/SOURCE.md data/online-retail/2010-12-01.csv

# As an author of plugins has it: installed into a prefix inside the build folder.
SDK_TESTS = tests/sdk/abi.py tests/sdk/kinds.py tests/sdk/tutorial.py \
	tests/sdk/completion.py
SDK_RUN = $(SDK_TESTS)
TESTS += $(SDK_RUN)
EXTRA_DIST += $(SDK_TESTS) tests/sdk/_path.py tests/sdk/installed.py \
	tests/sdk/level-1.abi tests/sdk/level-1-handler.c tests/sdk/level-1-auth.c \
	tests/sdk/level-1-breaker.c tests/sdk/level-1-storage.c \
	tests/sdk/level-1-storage-rows.c tests/sdk/level-1-storage-rows.h \
	tests/sdk/level-1-handler.x86_64.so tests/sdk/level-1-auth.x86_64.so \
	tests/sdk/level-1-breaker.x86_64.so tests/sdk/level-1-storage.x86_64.so

# When a level is released; before, only with a word in NEWS.
record-abi: all
	$(STAGED) python3 $(top_srcdir)/tests/sdk/abi.py record
.PHONY: record-abi

# Where threads meet: what ThreadSanitizer is to look at.
THREADED_TESTS = tests/system/amqp/consume.py tests/system/http_guard_tls.py \
	tests/system/amqp/tables.py \
	tests/unit/jwt_cache tests/unit/stock_storage tests/unit/http \
	tests/unit/http_listener tests/unit/schedule tests/unit/commit_publish \
	tests/unit/commit_bounds \
	tests/unit/commit_letters tests/unit/commit_lanes tests/unit/commit_replica \
	tests/unit/commit_random tests/unit/commit_metrics tests/unit/metrics \
	tests/unit/amqp_broker tests/unit/amqp_content tests/unit/amqp_backlog \
	tests/unit/api_key tests/unit/rate_limit tests/unit/call tests/unit/upstream \
	tests/unit/upstream_passed \
	tests/plugins/storage tests/plugins/sqlite tests/plugins/conform \
	tests/handlers/allocations tests/handlers/order_events \
	tests/handlers/journal tests/handlers/rate_limit \
	tests/handlers/optimistic tests/handlers/optimistic_asked \
	tests/handlers/records \
	tests/handlers/reconcile \
	tests/system/http_guard.py \
	tests/system/api/hammer.py tests/system/admin/api.py \
	tests/system/observe/metrics.py tests/system/upstream/orders.py \
	tests/system/upstream/keys.py
THREADED_TESTS += tests/unit/reload tests/unit/current tests/system/admin/reload.py
THREADED_TESTS += tests/unit/traces tests/system/observe/traces.py

# ./check is a file, and "check" is not: make must not take one for the other.
dist-hook:
	cp -p $(srcdir)/check $(distdir)/check
