# SPDX-License-Identifier: Apache-2.0
# Packages in fresh trees of Debian: too long for "make check", and for root alone.
PACKAGE_RELEASES = trixie bookworm
check-packages: dist
	GANTRY_TREES=$(abs_top_builddir)/trees $(srcdir)/tests/packages/packages.py \
		$(distdir).tar.xz $(PACKAGE_RELEASES)
.PHONY: check-packages

# What that has built, on a systemd that is process 1 of a tree. By hand: not every
# machine lets a container have one.
check-booted:
	GANTRY_TREES=$(abs_top_builddir)/trees $(srcdir)/tests/packages/booted.py \
		$(PACKAGE_RELEASES)
.PHONY: check-booted
EXTRA_DIST += tests/packages/booted.py
EXTRA_DIST += tests/packages/packages.py tests/packages/trees.py
EXTRA_DIST += debian/changelog debian/clean debian/control debian/copyright \
	debian/dh_gantry debian/dh_gantry.1 debian/gantry-dev.examples \
	debian/gantry-dev.install debian/gantry-dev.lintian-overrides \
	debian/gantry-dev.manpages debian/gantry-postgres.install \
	debian/gantry.dirs debian/gantry.docs \
	debian/gantry.examples debian/gantry.install debian/gantry.lintian-overrides \
	debian/gantry.pm debian/gantry.postinst debian/gantry.postrm debian/gantry.prerm \
	debian/not-installed debian/rules debian/source/format debian/source/options
EXTRA_DIST += debian/tests/booted debian/tests/control debian/tests/lib.sh \
	debian/tests/other-kinds debian/tests/own-plugin debian/tests/purge \
	debian/tests/smoke debian/tests/storage-swap debian/tests/tutorial \
	debian/tests/unit debian/tests/upgrade
