# SPDX-License-Identifier: Apache-2.0
# Tests of the whole daemon under faults; longer by GANTRY_TORTURE, as
# "make torture" does it. Each file starts daemons of its own (TAP).
FAULT_TESTS = tests/fault/durable.py tests/fault/full.py tests/fault/files.py \
	tests/fault/signals.py tests/fault/footprint.py tests/fault/verify.py
FAULT_RUN = $(FAULT_TESTS)
EXTRA_DIST += $(FAULT_TESTS) tests/fault/run tests/fault/fault.py

if PLUGIN_SQLITE
TESTS += $(FAULT_RUN)
FORGET = tests/fault/forget.la
check_LTLIBRARIES += $(FORGET)
endif
tests_fault_forget_la_SOURCES = tests/fault/forget.c
tests_fault_forget_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
# -rpath makes libtool build a shared library that is not installed
tests_fault_forget_la_LDFLAGS = $(GANTRY_LDFLAGS) -module -avoid-version \
	-shared -rpath /none
tests_fault_forget_la_LIBADD = $(SQLITE_LIBS)
