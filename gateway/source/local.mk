# SPDX-License-Identifier: Apache-2.0
include gateway/source/http/local.mk
