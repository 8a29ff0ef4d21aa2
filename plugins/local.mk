# SPDX-License-Identifier: Apache-2.0
include plugins/memory/local.mk
include plugins/sqlite/local.mk
include plugins/postgres/local.mk
include plugins/jwt/local.mk
include plugins/allocations/local.mk
include plugins/order-events/local.mk
include plugins/journal/local.mk
include plugins/publish/local.mk
include plugins/api-key/local.mk
include plugins/rate-limit/local.mk
include plugins/breaker/local.mk
include plugins/proxy/local.mk
include plugins/optimistic/local.mk
