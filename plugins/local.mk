# SPDX-License-Identifier: Apache-2.0
include plugins/jwt/local.mk
