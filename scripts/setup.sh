# SPDX-License-Identifier: Apache-2.0
# Sourced by demo and check: what must be installed, and how it gets there.
# shellcheck shell=bash

BUILD_PACKAGES="autoconf automake libtool pkg-config gcc libc6-dev make
	libmicrohttpd-dev libgnutls28-dev librabbitmq-dev libcurl4-openssl-dev libjansson-dev
	libyaml-dev libseccomp-dev libsqlite3-dev libpq-dev libssl-dev nettle-dev python3"
TEST_PACKAGES="g++ libcmocka-dev wrk nginx-light rabbitmq-server python3-pika
	haproxy valgrind curl openssl sqlite3 groff-base xz-utils postgresql python3-psycopg2
	prometheus abigail-tools mmdebstrap debian-archive-keyring"

# Node.js that somebody else has packaged brings an npm of its own.
command -v npm >/dev/null || TEST_PACKAGES="$TEST_PACKAGES nodejs npm"
# The admin page is tested in a browser.
TEST_PACKAGES="$TEST_PACKAGES chromium"

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Those of the packages given that are not installed.
packages_missing() {
	local package
	for package in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
		installed) ;;
		*) printf '%s ' "$package" ;;
		esac
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# packages_need LOG PACKAGE...: installs what is missing, and only that.
packages_need() {
	local log=$1 missing
	shift
	if ! command -v dpkg-query >/dev/null; then
		say "This is no Debian: it is assumed that these are there: $*"
		return
	fi
	missing=$(packages_missing "$@")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null && ! [ -t 0 ]; then
		die "missing packages, and neither root nor sudo to install them:
  apt-get install $missing"
	fi
	say "Installing: $missing"
	# shellcheck disable=SC2086
	{ as_root apt-get update -q &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
			--no-install-recommends $missing; } >"$log" 2>&1 </dev/null || {
		tail -n 20 "$log" >&2
		die "these could not be installed: $missing"
	}
}

# configure and its parts, made again when their sources are newer.
autotools_make() {
	local log=$1
	if [ -x configure ] && [ -z "$(find configure.ac Makefile.am sdk gateway plugins \
		tests etc scripts \( -name '*.ac' -o -name '*.am' -o -name '*.mk' \) \
		-newer configure -print -quit)" ]; then
		return
	fi
	autoreconf -fi >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "autoreconf failed"; }
}
