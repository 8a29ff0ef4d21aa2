# SPDX-License-Identifier: Apache-2.0
gantry_SOURCES += gateway/cli/spec.c gateway/cli/spec.h
dist_man1_MANS += gateway/cli/gantry-spec.1
