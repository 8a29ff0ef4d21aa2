# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/spec/answers.c \
	gateway/spec/asyncapi.c \
	gateway/spec/check.c \
	gateway/spec/describe.c \
	gateway/spec/events.c \
	gateway/spec/openapi.c gateway/spec/openapi_admin.c \
	gateway/spec/operation.c \
	gateway/spec/private.h \
	gateway/spec/schemas.c \
	gateway/spec/spec.h
