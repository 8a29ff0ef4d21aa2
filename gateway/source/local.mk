# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/source/schedule.c gateway/source/schedule.h

include gateway/source/amqp/local.mk
include gateway/source/http/local.mk
