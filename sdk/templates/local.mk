# SPDX-License-Identifier: Apache-2.0
# What "gantry plugins new" copies; see gateway/cli/plugins-new.c.
commontemplatedir = $(templatedir)/common
dist_commontemplate_DATA = sdk/templates/common/Makefile
debiantemplatedir = $(commontemplatedir)/debian
dist_debiantemplate_DATA = sdk/templates/common/debian/changelog \
	sdk/templates/common/debian/control sdk/templates/common/debian/copyright \
	sdk/templates/common/debian/rules
debiansourcetemplatedir = $(debiantemplatedir)/source
dist_debiansourcetemplate_DATA = sdk/templates/common/debian/source/format
handlertemplatedir = $(templatedir)/handler
dist_handlertemplate_DATA = sdk/templates/handler/NAME.c \
	sdk/templates/handler/gantry-NAME.7 sdk/templates/handler/test-NAME.c
authtemplatedir = $(templatedir)/auth
dist_authtemplate_DATA = sdk/templates/auth/NAME.c \
	sdk/templates/auth/gantry-NAME.7 sdk/templates/auth/test-NAME.c
breakertemplatedir = $(templatedir)/breaker
dist_breakertemplate_DATA = sdk/templates/breaker/NAME.c \
	sdk/templates/breaker/gantry-NAME.7 sdk/templates/breaker/test-NAME.c

# A storage begins as our smallest one, under its own name.
storagetemplatedir = $(templatedir)/storage
dist_storagetemplate_DATA = sdk/templates/storage/Makefile \
	sdk/templates/storage/gantry-NAME.7
nodist_storagetemplate_DATA = sdk/templates/storage/NAME.c \
	sdk/templates/storage/rows.c sdk/templates/storage/rows.h
CLEANFILES += $(nodist_storagetemplate_DATA)
TEMPLATE_OF_MEMORY = $(MKDIR_P) sdk/templates/storage && sed \
	-e 's|"plugins/memory/rows.h"|"rows.h"|' -e 's/VERSION_TEXT/"1.0.0"/' \
	-e 's/\bmemory_/@IDENT@_/g' -e 's/struct memory\b/struct @IDENT@/g' \
	-e 's/"memory"/"@NAME@"/' -e 's/"memory: /"@NAME@: /' -e 's/^ \* memory -/ * @NAME@ -/'
sdk/templates/storage/NAME.c: plugins/memory/memory.c
	$(AM_V_GEN)$(TEMPLATE_OF_MEMORY) $(srcdir)/plugins/memory/memory.c >$@
sdk/templates/storage/rows.c: plugins/memory/rows.c
	$(AM_V_GEN)$(TEMPLATE_OF_MEMORY) $(srcdir)/plugins/memory/rows.c >$@
sdk/templates/storage/rows.h: plugins/memory/rows.h
	$(AM_V_GEN)$(TEMPLATE_OF_MEMORY) $(srcdir)/plugins/memory/rows.h >$@
