# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/conform/backup.c \
	gateway/conform/claim.c \
	gateway/conform/conform.c gateway/conform/conform.h \
	gateway/conform/crash.c \
	gateway/conform/crowd.c \
	gateway/conform/disturb.c \
	gateway/conform/key.c \
	gateway/conform/kit.c gateway/conform/kit.h \
	gateway/conform/lock.c \
	gateway/conform/look.c \
	gateway/conform/model.c \
	gateway/conform/pages.c \
	gateway/conform/race.c \
	gateway/conform/reopen.c \
	gateway/conform/row.c \
	gateway/conform/scan.c \
	gateway/conform/schema.c \
	gateway/conform/several.c \
	gateway/conform/unit.c
