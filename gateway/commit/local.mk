# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/commit/affinity.c gateway/commit/affinity.h \
	gateway/commit/lease.c \
	gateway/commit/replica.c gateway/commit/replica.h \
	gateway/commit/apply.c \
	gateway/commit/at_work.c gateway/commit/at_work.h \
	gateway/commit/audit.c \
	gateway/commit/copy.c gateway/commit/copy.h \
	gateway/commit/copy_digest.c \
	gateway/commit/copy_pages.c gateway/commit/copy_pages.h \
	gateway/commit/committer.c gateway/commit/committer.h \
	gateway/commit/dead_letter.c \
	gateway/commit/dry.c gateway/commit/dry.h \
	gateway/commit/bounds.c \
	gateway/commit/handover.c gateway/commit/handover.h \
	gateway/commit/idempotency.c \
	gateway/commit/letter.c \
	gateway/commit/letters.c gateway/commit/letters.h \
	gateway/commit/outbox.c \
	gateway/commit/published.c \
	gateway/commit/record.c \
	gateway/commit/retention.c \
	gateway/commit/schema.c gateway/commit/schema.h \
	gateway/commit/unit.c gateway/commit/unit.h \
	gateway/commit/verify_dead_letters.c \
	gateway/commit/verify_references.c \
	gateway/commit/verify.c gateway/commit/verify.h
gateway_libcore_a_SOURCES += gateway/commit/counted.c
