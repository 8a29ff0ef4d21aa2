# SPDX-License-Identifier: Apache-2.0
gantry_SOURCES += gateway/cli/reload.c gateway/cli/reload.h
dist_man1_MANS += gateway/cli/gantry-reload.1
