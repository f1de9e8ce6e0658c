#!/bin/sh
# need.sh COMMAND PACKAGE...: makes sure that a command is there. Root on Debian
# installs the packages and starts none of their services; everybody else is
# told what is missing.
set -eu

command=$1
shift
# Debian keeps the superuser's programs off other users' PATH.
PATH=$PATH:/usr/sbin
command -v "$command" > /dev/null && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
	echo "$command is missing: install it (on Debian: apt-get install $*) and run make again" >&2
	exit 1
fi

echo "installing $*" >&2
policy=/usr/sbin/policy-rc.d # https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' > "$policy"
	chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install --yes --quiet --no-install-recommends "$@" > /dev/null 2>&1 || {
	apt-get update --quiet > /dev/null
	apt-get install --yes --quiet --no-install-recommends "$@" > /dev/null
}
