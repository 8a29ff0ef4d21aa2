# SPDX-License-Identifier: Apache-2.0
# Those that take long are there, and begin first.
include tests/stage.mk
include tests/unit/local.mk
include tests/lint/local.mk
include tests/stand-in/local.mk
include tests/plugins/local.mk
include tests/bad/local.mk
include tests/system/local.mk
include tests/handlers/local.mk
include tests/spec/local.mk
include tests/crash/local.mk
include tests/bench/local.mk
include tests/fault/local.mk
include tests/reload/local.mk
include tests/packages/local.mk
# How long each test took stands at the end of its log.
LOG_COMPILER = $(top_srcdir)/tests/timed
EXTRA_DIST += tests/timed
