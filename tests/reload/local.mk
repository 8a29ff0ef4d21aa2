# SPDX-License-Identifier: Apache-2.0
# One plugin in two versions, by the rule of tests/bad.
RELOAD_VERSIONS = tests/reload/version-1.so tests/reload/version-2.so
check_DATA += $(RELOAD_VERSIONS)
$(RELOAD_VERSIONS): tests/reload/version.h
CLEANFILES += $(RELOAD_VERSIONS)
EXTRA_DIST += tests/reload/version.h $(RELOAD_VERSIONS:.so=.c)
