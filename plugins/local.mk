# SPDX-License-Identifier: Apache-2.0
include plugins/memory/local.mk
include plugins/sqlite/local.mk
include plugins/jwt/local.mk
