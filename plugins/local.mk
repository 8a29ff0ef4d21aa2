# SPDX-License-Identifier: Apache-2.0
include plugins/allocations/local.mk
include plugins/order-events/local.mk
include plugins/journal/local.mk
