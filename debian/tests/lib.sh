# SPDX-License-Identifier: Apache-2.0
# What the tests share. They run as root from the top of the source tree, one by
# one, each wherever the one before has left the machine.
# shellcheck shell=sh
set -eu
here=$PWD/debian/tests
work=$(mktemp -d)
trap 'status=$?; stopped; rm -rf "$work"; exit $status' EXIT

# needrestart is asked by stale(), and not by apt after each package
export NEEDRESTART_SUSPEND=1

say() { printf '%s\n' "$*"; }
die() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# is WHAT EXPECTED GOT
is() { [ "$2" = "$3" ] || die "$1: expected \"$2\", got \"$3\""; }
# has WHAT TEXT WHERE
has() { case $3 in *"$2"*) ;; *) die "$1: no \"$2\" in: $3" ;; esac; }

unit() { "$here/unit" "$@"; }

# What a test leaves running ends with it where no service manager sees to it.
stopped() {
	[ -d /run/systemd/system ] || unit stop gantry 2>/dev/null || true
}

# As README.md has it; here we are root already.
sudo() {
	user=root
	if [ "$1" = -u ]; then
		user=$2
		shift 2
	fi
	case $1 in
	systemctl) shift; unit "$@"; return ;;
	esac
	[ "$user" != root ] || { "$@"; return; }
	setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}

# An answer that says no is a failure.
curl() { command curl --fail-with-body --max-time 20 "$@"; }

# readme HEADING: the commands of a section of README.md, but those of apt.
readme() {
	awk -v "heading=$1" '
	/^#/ { on = ($0 ~ "^#+ " heading "$") ; next }
	on && /^    / { sub(/^    /, ""); if ($0 !~ /^sudo apt-get/) print; found = 1 }
	END { if (!found) exit 1 }' README.md || die "README.md has no commands under \"$1\""
}

# token ROLE: a header.
token() {
	printf 'Authorization: Bearer %s' "$(gantry token mint --key /etc/gantry/jwt.key \
		--algorithm HS256 --issuer shop --audience inventory-service --role "$1")"
}

# get ROLE PATH and post ROLE PATH JSON
BASE=http://127.0.0.1:8080
get() { curl -s -H "$(token "$1")" "$BASE$2"; }
post() {
	curl -s -H "$(token "$1")" -H 'Content-Type: application/json' "$BASE$2" -d "$3"
}

# fill NAME: an item and an order of that name, 2 of 70 held.
fill() {
	post inventory-admin /inventory-items '{"id": "inv_'"$1"'", "sku": "SKU-'"$1"'",
	  "productId": "prod_1", "warehouseId": "wh_1", "availableQuantity": 70}' >/dev/null
	post order-service /allocations '{"orderId": "ord_'"$1"'", "orderItemId": "1",
	  "inventoryItemId": "inv_'"$1"'", "quantity": 2}' >/dev/null
}
# filled NAME: what fill() did is there.
filled() {
	has "the order of $1" "\"inventoryItemId\":\"inv_$1\"" \
		"$(get order-service "/allocations/by-order/ord_$1")"
	has "the stock of $1" '"reservedQuantity":2' \
		"$(get inventory-admin "/inventory-items/inv_$1")"
}

# stale: the processes that run what an upgrade has replaced, as needrestart sees them
stale() {
	env -u NEEDRESTART_SUSPEND needrestart -v -b -r l -l >"$work/stale" 2>&1 ||
		{ cat "$work/stale"; die "needrestart"; }
	sed -n 's/^\[main\] \(#[0-9]* uses .*\)/\1/p' "$work/stale"
}

# A name that no test before has used.
fresh() { printf '%s_%s' "$1" "$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')"; }

# A PostgreSQL, if its package could not start it.
postgres_up() {
	[ ! -d /run/systemd/system ] || return 0
	version=$(ls /etc/postgresql)
	pg_ctlcluster "$version" main status >/dev/null 2>&1 ||
		pg_ctlcluster "$version" main start
	trap 'status=$?; stopped; pg_ctlcluster "$version" main stop -m fast || true
		rm -rf "$work"; exit $status' EXIT
}

# The one that this gateway is told to use, if it is.
storage_up() {
	! grep -q 'plugin: postgres' /etc/gantry/conf.d/storage.yaml 2>/dev/null || postgres_up
}
