# SPDX-License-Identifier: Apache-2.0
# One broken plugin for each rule of the loader, with plain compiler calls: what
# libtool would mend is just what must be seen. "good" and "larger" are fine.
BAD_PLUGINS = \
	tests/bad/backlog-alone.so \
	tests/bad/backlog-name.so \
	tests/bad/backlog-size.so \
	tests/bad/backlog-space.so \
	tests/bad/backlog-twice.so \
	tests/bad/bad-options.so \
	tests/bad/bad-threads.so \
	tests/bad/ends.so \
	tests/bad/extra-export.so \
	tests/bad/good.so \
	tests/bad/half-auth.so \
	tests/bad/half-breaker.so \
	tests/bad/half-storage.so \
	tests/bad/handler-empty.so \
	tests/bad/handler-name.so \
	tests/bad/handler-twice.so \
	tests/bad/huge-instance.so \
	tests/bad/json-unlinked.so \
	tests/bad/larger.so \
	tests/bad/newer-level.so \
	tests/bad/no-entry.so \
	tests/bad/no-handlers.so \
	tests/bad/no-kind.so \
	tests/bad/no-note.so \
	tests/bad/no-version.so \
	tests/bad/null-entry.so \
	tests/bad/other-major.so \
	tests/bad/other-numbers.so \
	tests/bad/own-json.so \
	tests/bad/short-descriptor.so \
	tests/bad/short-option.so \
	tests/bad/two-kinds.so \
	tests/bad/unknown-symbol.so \
	tests/bad/unresolved.so \
	tests/bad/wrong-name.so
check_DATA += $(BAD_PLUGINS)
SUFFIXES = .so
.c.so:
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(CC) $(AM_CPPFLAGS) $(CPPFLAGS) $(JANSSON_CFLAGS) -std=gnu11 \
		-Wall -fPIC -fvisibility=hidden -shared -o $@ $<
$(BAD_PLUGINS): tests/bad/bad.h
CLEANFILES += $(BAD_PLUGINS)
EXTRA_DIST += tests/bad/bad.h $(BAD_PLUGINS:.so=.c)
