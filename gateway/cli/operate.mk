# SPDX-License-Identifier: Apache-2.0
gantry_SOURCES += gateway/cli/operate.c gateway/cli/operate.h \
	gateway/cli/traffic.c gateway/cli/traffic.h
dist_man1_MANS += gateway/cli/gantry-admin.1
