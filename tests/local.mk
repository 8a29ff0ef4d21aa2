# SPDX-License-Identifier: Apache-2.0
include tests/unit/local.mk
include tests/stand-in/local.mk
include tests/plugins/local.mk
include tests/system/local.mk
include tests/fault/local.mk
