#!/bin/bash
# Configures this machine: fetches the playbook and the service that are
# latest-stable, or the versions that ANS_VERSION and VERSION pin, checks both
# against their SHA-256 and runs the playbook. The playbook's last task puts
# the health file in place; until then the load balancer sends no traffic.
set -euo pipefail

set -a
# shellcheck source=/dev/null
. "${TANDEM_ENV_FILE:-/etc/tandem/instance.env}"
set +a
releases=${TANDEM_RELEASES:-/opt/tandem}

log() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >&2; }
fail() { log "error: $*"; exit 1; }

# fetch KEY FILE copies an object of the build bucket, with patience.
fetch() {
	local attempt
	for attempt in 1 2 3 4 5; do
		aws s3 cp --only-show-errors "s3://$TANDEM_BUILD_BUCKET/$1" "$2" && return
		log "attempt $attempt to fetch $1 failed"
		sleep "$attempt"
	done
	fail "cannot fetch s3://$TANDEM_BUILD_BUCKET/$1"
}

# field NAME FILE prints the value of a NAME=value line.
field() { sed -n "s/^$1=//p" "$2"; }

# unpack ARTIFACT VERSION puts a release into its own directory and prints it;
# an empty VERSION means latest-stable.
unpack() {
	local artifact=$1 version=$2 prefix="$1/$TANDEM_ENVIRONMENT" sha256 dir
	if [ -z "$version" ]; then
		fetch "$prefix/latest-stable.txt" "$work/$artifact.txt"
		version=$(field VERSION "$work/$artifact.txt")
		sha256=$(field SHA256 "$work/$artifact.txt")
	else
		fetch "$prefix/$artifact-$version.json" "$work/$artifact.json"
		sha256=$(sed -n 's/.*"sha256": *"\([0-9a-f]\{64\}\)".*/\1/p' "$work/$artifact.json" | head -n 1)
	fi
	[[ $version =~ ^[1-9][0-9]*$ ]] || fail "$artifact: '$version' is no version"
	[[ $sha256 =~ ^[0-9a-f]{64}$ ]] || fail "$artifact $version: no SHA-256 to check it against"
	fetch "$prefix/$artifact-$version.tar.gz" "$work/$artifact.tar.gz"
	echo "$sha256 $work/$artifact.tar.gz" | sha256sum --check --strict --status - ||
		fail "$artifact $version: the archive does not have the SHA-256 $sha256"
	dir="$releases/$artifact/$version"
	rm -rf "$dir.new"
	install -d -m 0755 "$dir.new"
	tar -xzf "$work/$artifact.tar.gz" -C "$dir.new" --no-same-owner
	rm -rf "$dir"
	mv "$dir.new" "$dir"
	echo "$dir"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v ansible-playbook > /dev/null || dnf install --assumeyes --quiet ansible-core

playbook=$(unpack "$TANDEM_PLAYBOOK" "${ANS_VERSION:-}")
service=$(unpack "$TANDEM_SERVICE" "${VERSION:-}")
log "configuring $TANDEM_SERVICE from $service with $playbook"
ansible-playbook --connection local --inventory localhost, \
	--extra-vars "tandem_service=$TANDEM_SERVICE tandem_release=$service" "$playbook/site.yml"
log "configured"
