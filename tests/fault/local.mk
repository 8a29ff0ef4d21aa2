# SPDX-License-Identifier: Apache-2.0
# Tests of the whole daemon under faults: make fault, and longer: make torture.
# They run what "make install" installs, under a folder of the build.
EXTRA_DIST += tests/fault/run tests/fault/fault.py tests/fault/durable.py \
	tests/fault/full.py tests/fault/files.py tests/fault/signals.py \
	tests/fault/footprint.py tests/fault/verify.py

if PLUGIN_SQLITE
FORGET = tests/fault/forget.la
check_LTLIBRARIES += $(FORGET)
endif
tests_fault_forget_la_SOURCES = tests/fault/forget.c
tests_fault_forget_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
# -rpath makes libtool build a shared library that is not installed
tests_fault_forget_la_LDFLAGS = $(GANTRY_LDFLAGS) -module -avoid-version \
	-shared -rpath /none
tests_fault_forget_la_LIBADD = $(SQLITE_LIBS)

FAULT_ROOT = $(abs_builddir)/tests/fault/root
FAULT_ENVIRONMENT = GANTRY=$(FAULT_ROOT)$(bindir)/gantry \
	GANTRY_PRESETS=$(FAULT_ROOT)$(pkgdatadir) \
	GANTRY_PLUGINS=$(FAULT_ROOT)$(plugindir) \
	GANTRY_FORGET=$(abs_builddir)/tests/fault/.libs/forget.so

.PHONY: fault torture fault-install
fault-install: all $(FORGET)
	$(MAKE) -s install DESTDIR=$(FAULT_ROOT) > /dev/null

fault: fault-install
	$(FAULT_ENVIRONMENT) $(srcdir)/tests/fault/run

torture: fault-install
	GANTRY_TORTURE=$${GANTRY_TORTURE:-10} $(FAULT_ENVIRONMENT) \
		$(srcdir)/tests/fault/run

clean-local: fault-clean
fault-clean:
	rm -rf tests/fault/root
