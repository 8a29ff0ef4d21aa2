# SPDX-License-Identifier: Apache-2.0
dist_pkgdata_DATA += etc/inventory.yaml
dist_pkgdata_DATA += etc/order-edge.yaml
EXTRA_DIST += etc/gantry.yaml
EXTRA_DIST += etc/gantry-edge.yaml
EXTRA_DIST += etc/gantry@.service etc/replicas/1.yaml
EXTRA_DIST += etc/gantry.service etc/gantry.socket etc/sysusers.conf etc/tmpfiles.conf
dist_pkgdata_DATA += etc/alerts.yaml etc/grafana-dashboard.json
dist_pkgdata_DATA += etc/openapi.yaml etc/openapi-admin.yaml etc/asyncapi.yaml

bashcompletiondir = $(datadir)/bash-completion/completions
EXTRA_DIST += etc/completion.bash
install-data-hook:
	$(MKDIR_P) $(DESTDIR)$(bashcompletiondir)
	$(INSTALL_DATA) $(srcdir)/etc/completion.bash $(DESTDIR)$(bashcompletiondir)/gantry
uninstall-hook:
	rm -f $(DESTDIR)$(bashcompletiondir)/gantry
