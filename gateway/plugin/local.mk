# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/plugin/descriptor.c gateway/plugin/descriptor.h \
	gateway/plugin/elf.c gateway/plugin/elf.h \
	gateway/plugin/instance.c gateway/plugin/instance.h \
	gateway/plugin/plugins.c gateway/plugin/plugins.h
