#!/bin/sh
# need.sh COMMAND PACKAGE: makes sure that a command is there. Root on Debian
# installs the package; everybody else is told what is missing.
set -eu

command -v "$1" > /dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
	echo "installing $2" >&2
	export DEBIAN_FRONTEND=noninteractive
	apt-get install --yes --quiet --no-install-recommends "$2" > /dev/null 2>&1 || {
		apt-get update --quiet > /dev/null
		apt-get install --yes --quiet --no-install-recommends "$2" > /dev/null
	}
	exit 0
fi
echo "$1 is missing: install it (Debian's package $2) and run make again" >&2
exit 1
