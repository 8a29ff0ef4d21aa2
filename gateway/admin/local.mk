# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/admin/access.c \
	gateway/admin/admin.c gateway/admin/admin.h \
	gateway/admin/look.c \
	gateway/admin/private.h \
	gateway/admin/resolve.c
gateway_libcore_a_SOURCES += gateway/admin/audit.c gateway/admin/guards.c
gateway_libcore_a_SOURCES += gateway/admin/describe.c gateway/admin/describe.h
gateway_libcore_a_SOURCES += gateway/admin/files.c gateway/admin/health.c \
	gateway/admin/login.c gateway/admin/logs.c gateway/admin/outbox.c \
	gateway/admin/paths.c gateway/admin/paths.h gateway/admin/running.c \
	gateway/admin/sessions.c gateway/admin/sessions.h \
	gateway/admin/site.c gateway/admin/site.h

# The page, as it is served; it becomes a part of the program.
ADMIN_PAGE = gateway/admin/page/index.html gateway/admin/page/style.css \
	gateway/admin/page/icon.svg gateway/admin/page/theme.js \
	gateway/admin/page/main.js gateway/admin/page/api.js \
	gateway/admin/page/dom.js gateway/admin/page/chart.js \
	gateway/admin/page/overview.js gateway/admin/page/letters.js \
	gateway/admin/page/breakers.js gateway/admin/page/outbox.js \
	gateway/admin/page/routes.js gateway/admin/page/plugins.js \
	gateway/admin/page/audit.js gateway/admin/page/reconcile.js
EXTRA_DIST += $(ADMIN_PAGE) scripts/embed
BUILT_SOURCES += gateway/admin/page.inc
CLEANFILES += gateway/admin/page.inc
gateway/admin/libcore_a-files.$(OBJEXT): gateway/admin/page.inc
gateway/admin/page.inc: $(ADMIN_PAGE) scripts/embed
	$(AM_V_GEN)$(MKDIR_P) gateway/admin && cd $(srcdir) && \
		./scripts/embed $(ADMIN_PAGE) >$(abs_builddir)/$@.new
	@mv $@.new $@
gateway_libcore_a_SOURCES += gateway/admin/action.c
gateway_libcore_a_SOURCES += gateway/admin/note.c gateway/admin/reload.c
