# SPDX-License-Identifier: Apache-2.0
# Rules about the sources themselves; each prints its cases (TAP).
LINT_TESTS = tests/lint/layers.py tests/lint/form.py tests/lint/headers.py \
	tests/lint/symbols.py tests/lint/manual.py
LINT_TESTS += tests/lint/units.py
TESTS += $(LINT_TESTS)
EXTRA_DIST += $(LINT_TESTS) tests/lint/tree.py
