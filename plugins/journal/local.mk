# SPDX-License-Identifier: Apache-2.0
if PLUGIN_JOURNAL
plugin_LTLIBRARIES += plugins/journal/journal.la
dist_man7_MANS += plugins/journal/gantry-journal.7
endif
plugins_journal_journal_la_SOURCES = plugins/journal/journal.c
plugins_journal_journal_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_journal_journal_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_journal_journal_la_LIBADD = $(JANSSON_LIBS)
