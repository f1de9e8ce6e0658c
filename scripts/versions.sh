#!/bin/sh
# versions.sh: refuses toolchains that are missing or too old, by name.
set -eu

# at_least NAME HAVE WANT HINT
at_least() {
	[ "$(printf '%s\n%s\n' "$3" "$2" | sort -V | head -n 1)" = "$3" ] && return
	echo "$1 $3 or newer is needed, ${2:-none} was found: $4" >&2
	exit 1
}

at_least Go "$(go env GOVERSION 2> /dev/null | sed 's/^go//')" 1.26 https://go.dev/dl/
at_least Node "$(node --version 2> /dev/null | sed 's/^v//')" 20 https://nodejs.org/
command -v npm > /dev/null || { echo "npm is needed, which comes with Node: https://nodejs.org/" >&2; exit 1; }
