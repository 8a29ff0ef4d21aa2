# SPDX-License-Identifier: Apache-2.0
# The committer and the engine, over the storage "memory".
if CMOCKA
if PLUGIN_MEMORY
COMMIT_TESTS = tests/unit/commit tests/unit/commit_faults
COMMIT_TESTS += tests/unit/commit_keys tests/unit/commit_records
COMMIT_TESTS += tests/unit/commit_random tests/unit/commit_verify
COMMIT_TESTS += tests/unit/commit_outbox tests/unit/engine
COMMIT_TESTS += tests/unit/commit_letters
COMMIT_TESTS += tests/unit/commit_letters_verify tests/unit/engine_inject
COMMIT_TESTS += tests/unit/commit_lanes tests/unit/commit_replica
check_PROGRAMS += $(COMMIT_TESTS)
TESTS += $(COMMIT_TESTS)
endif
endif

COMMIT_WORLD = tests/unit/commit_world.c tests/unit/commit_world.h \
	tests/plugins/store.c tests/plugins/store.h \
	tests/unit/locks.c tests/unit/locks.h
CFLAGS_COMMIT = $(AM_CFLAGS) -DPLUGINS='"$(abs_top_builddir)/plugins"'

tests_unit_commit_SOURCES = tests/unit/commit.c $(COMMIT_WORLD)
tests_unit_commit_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_LDADD = $(LDADD_UNIT)
tests_unit_commit_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_faults_SOURCES = tests/unit/commit_faults.c $(COMMIT_WORLD)
tests_unit_commit_faults_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_faults_LDADD = $(LDADD_UNIT)
tests_unit_commit_faults_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_keys_SOURCES = tests/unit/commit_keys.c $(COMMIT_WORLD)
tests_unit_commit_keys_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_keys_LDADD = $(LDADD_UNIT)
tests_unit_commit_keys_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_records_SOURCES = tests/unit/commit_records.c $(COMMIT_WORLD)
tests_unit_commit_records_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_records_LDADD = $(LDADD_UNIT)
tests_unit_commit_records_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_random_SOURCES = tests/unit/commit_random.c $(COMMIT_WORLD)
tests_unit_commit_random_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_random_LDADD = $(LDADD_UNIT)
tests_unit_commit_random_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_verify_SOURCES = tests/unit/commit_verify.c $(COMMIT_WORLD)
tests_unit_commit_verify_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_verify_LDADD = $(LDADD_UNIT)
tests_unit_commit_verify_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_engine_inject_SOURCES = tests/unit/engine_inject.c \
	tests/unit/engine_world.h $(COMMIT_WORLD)
tests_unit_engine_inject_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_engine_inject_LDADD = $(LDADD_UNIT)
tests_unit_engine_inject_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_engine_SOURCES = tests/unit/engine.c tests/unit/engine_world.h \
	$(COMMIT_WORLD)
tests_unit_engine_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_engine_LDADD = $(LDADD_UNIT)
tests_unit_engine_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_outbox_SOURCES = tests/unit/commit_outbox.c $(COMMIT_WORLD)
tests_unit_commit_outbox_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_outbox_LDADD = $(LDADD_UNIT)
tests_unit_commit_outbox_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_letters_verify_SOURCES = tests/unit/commit_letters_verify.c \
	tests/unit/commit_letters.h $(COMMIT_WORLD)
tests_unit_commit_letters_verify_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_letters_verify_LDADD = $(LDADD_UNIT)
tests_unit_commit_letters_verify_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_letters_SOURCES = tests/unit/commit_letters.c \
	tests/unit/commit_letters.h $(COMMIT_WORLD)
tests_unit_commit_letters_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_letters_LDADD = $(LDADD_UNIT)
tests_unit_commit_letters_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_lanes_SOURCES = tests/unit/commit_lanes.c $(COMMIT_WORLD)
tests_unit_commit_lanes_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_lanes_LDADD = $(LDADD_UNIT)
tests_unit_commit_lanes_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_commit_replica_SOURCES = tests/unit/commit_replica.c $(COMMIT_WORLD)
tests_unit_commit_replica_CFLAGS = $(CFLAGS_COMMIT)
tests_unit_commit_replica_LDADD = $(LDADD_UNIT)
tests_unit_commit_replica_LDFLAGS = $(LDFLAGS_UNIT)
