# SPDX-License-Identifier: Apache-2.0
# The documents of gantry spec before public validators, which npm brings.
SPEC_RUN = tests/spec/documents.py
TESTS += $(SPEC_RUN)
EXTRA_DIST += tests/spec/documents.py tests/spec/validate.mjs \
	tests/spec/package.json tests/spec/package-lock.json \
	tests/spec/with-broker.yaml

# Writes those in etc/ again, after a change of what they say.
SPEC = $(STAGED) ./gantry$(EXEEXT) spec --config $(srcdir)/etc/gantry.yaml \
	--presets $(srcdir)/etc --plugins stage/plugins
spec: staged
	$(SPEC) openapi >spec.tmp && mv spec.tmp $(srcdir)/etc/openapi.yaml
	$(SPEC) openapi --admin >spec.tmp && mv spec.tmp $(srcdir)/etc/openapi-admin.yaml
	$(SPEC) asyncapi --with $(srcdir)/tests/spec/with-broker.yaml >spec.tmp && \
		mv spec.tmp $(srcdir)/etc/asyncapi.yaml
.PHONY: spec

clean-local: clean-spec
clean-spec:
	rm -rf spec-validators spec-more.yaml
.PHONY: clean-spec
