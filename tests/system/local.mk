# SPDX-License-Identifier: Apache-2.0
# tests/system/run starts the real daemon; see gantry.py for the environment.
EXTRA_DIST += tests/system/run tests/system/gantry.py tests/system/tap.py \
	tests/system/api/_path.py \
	tests/system/api/access.py tests/system/api/bulk.py \
	tests/system/api/events.py tests/system/api/examples.py \
	tests/system/api/hammer.py tests/system/api/idempotency.py \
	tests/system/api/items.py tests/system/api/kills.py \
	tests/system/api/moves.py tests/system/api/refusals.py
