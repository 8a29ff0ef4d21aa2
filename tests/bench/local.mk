# SPDX-License-Identifier: Apache-2.0
# What takes long or needs quiet, and so is no part of "make check":
#   make bench [BENCH="--rows 5000000"]    rates beside what they are compared with
#   make bench-events                      those over RabbitMQ alone
#   make bench-postgres                    those on PostgreSQL alone
#   make torture [KILLS=200]               kill -9 again and again, under load
#   make check-valgrind                    unit tests, and a start, requests and a stop
#   make bench-observe                     what it costs to be watched
#   make bench-beside [BENCH="crash"]      others, while a handler dies again and again
#   make bench-proxy                       requests passed on, beside other proxies
EXTRA_DIST += tests/bench/beside.py
EXTRA_DIST += tests/bench/observe.py tests/bench/sink.py
EXTRA_DIST += tests/bench/proxy.py tests/bench/proxies.py tests/bench/proxy.lua \
	tests/bench/proxies/package.json tests/bench/proxies/package-lock.json \
	tests/bench/proxies/npmrc tests/bench/proxies/fastify.js \
	tests/bench/proxies/gateway.js
EXTRA_DIST += tests/bench/bench.py tests/bench/servers.py tests/bench/fill.py \
	tests/bench/allocate.lua tests/bench/events.py \
	tests/bench/on_postgres.py tests/bench/fill_postgres.py tests/bench/rival.py

# The plain program at the broker, for "make bench" alone.
EXTRA_PROGRAMS = tests/bench/amqp_load
tests_bench_amqp_load_SOURCES = tests/bench/amqp_load.c
tests_bench_amqp_load_LDADD = $(RABBITMQ_LIBS)

BENCH =
KILLS = 200
VALGRIND = valgrind --quiet --error-exitcode=99 --leak-check=full \
	--errors-for-leak-kinds=definite --child-silent-after-fork=yes

bench: staged tests/bench/amqp_load$(EXEEXT)
	$(STAGED) python3 $(top_srcdir)/tests/bench/bench.py $(BENCH)
	$(STAGED) AMQP_LOAD=$(abs_top_builddir)/tests/bench/amqp_load$(EXEEXT) \
		python3 $(top_srcdir)/tests/bench/events.py $(BENCH) || test $$? -eq 77
	$(STAGED) python3 $(top_srcdir)/tests/bench/on_postgres.py $(BENCH)

bench-events: staged tests/bench/amqp_load$(EXEEXT)
	$(STAGED) AMQP_LOAD=$(abs_top_builddir)/tests/bench/amqp_load$(EXEEXT) \
		python3 $(top_srcdir)/tests/bench/events.py $(BENCH)

bench-postgres: staged
	$(STAGED) python3 $(top_srcdir)/tests/bench/on_postgres.py $(BENCH)

torture: staged $(FORGET) $(WILD_PLUGINS)
	$(STAGED) GANTRY_KILLS=$(KILLS) python3 $(top_srcdir)/tests/system/api/kills.py
	$(STAGED) python3 $(top_srcdir)/tests/system/api/hammer.py
	$(STAGED) GANTRY_TORTURE=10 $(top_srcdir)/tests/fault/run
	$(STAGED) GANTRY_CRASH=$(abs_top_builddir)/tests/crash/crash.so \
		GANTRY_OUTAGE=30 python3 $(top_srcdir)/tests/system/amqp/consume.py
	$(STAGED) GANTRY_STORM="20000 30 3 10" \
		python3 $(top_srcdir)/tests/system/amqp/storm.py
	$(STAGED) GANTRY_WILD=$(abs_top_builddir)/tests/crash/wild.so GANTRY_KINDS=all \
		python3 $(top_srcdir)/tests/system/amqp/wild.py
	$(STAGED) GANTRY_ORDERS=2000 python3 $(top_srcdir)/tests/system/amqp/shuffle.py
	$(STAGED) GANTRY_EVENTS=20000 python3 $(top_srcdir)/tests/system/amqp/cluster.py
	$(STAGED) GANTRY_STORM_SECONDS=60 \
		python3 $(top_srcdir)/tests/system/replicas/storm.py || test $$? -eq 77
	$(STAGED) GANTRY_OUTAGE=60 python3 $(top_srcdir)/tests/system/edge/outage.py
	$(STAGED) GANTRY_ORDERS=10000 \
		python3 $(top_srcdir)/tests/system/upstream/reconcile.py
	$(STAGED) GANTRY_OUTAGE=60 \
		python3 $(top_srcdir)/tests/system/upstream/reconcile_outage.py

bench-observe: staged
	$(STAGED) python3 $(top_srcdir)/tests/bench/observe.py $(BENCH)

bench-beside: staged $(WILD_PLUGINS)
	$(STAGED) GANTRY_WILD=$(abs_top_builddir)/tests/crash/wild.so \
		python3 $(top_srcdir)/tests/bench/beside.py $(BENCH)
.PHONY: bench-beside

# Installs what it compares with by npm, as the lock file says.
bench-proxy: staged
	$(STAGED) PROXIES=$(abs_top_builddir)/tests/bench/proxies \
		python3 $(top_srcdir)/tests/bench/proxy.py $(BENCH)
.PHONY: bench-proxy

# Not those that try thousands of things, which take minutes so: the sanitizers see
# all that they do.
VALGRIND_TESTS = $(filter-out %/jwt_key %/mutate %/plugin %/stock_random %/http_listener %/copy \
	%/optimistic %/commit_random %/amqp_order %/current, \
	$(filter tests/unit/%,$(TESTS)))

check-valgrind: staged $(check_PROGRAMS)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$(VALGRIND_TESTS)" \
		LOG_COMPILER="$(top_srcdir)/tests/timed $(LIBTOOL) --mode=execute $(VALGRIND)"
	printf '#!/bin/sh\nexec $(VALGRIND) %s "$$@"\n' \
		"$(abs_top_builddir)/gantry" >stage/gantry-valgrind
	chmod +x stage/gantry-valgrind
	$(STAGED) GANTRY=$(abs_top_builddir)/stage/gantry-valgrind \
		python3 $(top_srcdir)/tests/system/api/examples.py

.PHONY: bench bench-events bench-observe bench-postgres torture check-valgrind
