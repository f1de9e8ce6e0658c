#!/bin/bash
# Stands in for systemctl on a machine without systemd: it starts and stops
# tandem's services as their units say, takes note of its timers, and writes down
# what it was asked for about both. All other units are the system's.
set -euo pipefail

readonly verb=${1:-}
units=()
for each in "${@:2}"; do
	case $each in
	spotwatch.service | tandem-*.service | tandem-*.timer) units+=("$each") ;;
	esac
done
[ "$verb" = daemon-reload ] || [ ${#units[@]} -gt 0 ] || exec /usr/bin/systemctl "$@"

# field UNIT NAME prints a setting of a unit, a line each time it is there.
field() { sed -n "s/^$2=+\?//p" "/etc/systemd/system/$1"; }

# runs UNIT tells whether it does. Nobody collects those that have ended.
runs() {
	case $1 in
	*.timer) [ -e "/run/$1.started" ] ;;
	*) [ -e "/run/$1.pid" ] && readlink "/proc/$(< "/run/$1.pid")/exe" > /dev/null ;;
	esac
}

# settings UNIT exports what its file of settings holds.
settings() {
	local file line
	file=$(field "$1" EnvironmentFile | grep -v ^-)
	while IFS= read -r line; do
		[[ $line != *=* ]] || export "${line?}"
	done < "$file"
}

# commands UNIT FIELD runs the commands that a field of the unit has.
commands() (
	settings "$1"
	while read -r command; do
		$command
	done < <(field "$1" "$2")
)

start() {
	! runs "$1" || return 0
	if [[ $1 == *.timer ]]; then
		touch "/run/$1.started"
		return
	fi
	commands "$1" ExecStartPre
	(
		settings "$1"
		# What holds a lock must not have it held by a service.
		# shellcheck disable=SC2046
		exec setsid $(field "$1" ExecStart) > /dev/null 2>&1 < /dev/null 9>&-
	) &
	echo $! > "/run/$1.pid"
}

stop() {
	local tries
	rm -f "/run/$1.started"
	runs "$1" || return 0
	kill "$(< "/run/$1.pid")"
	export SERVICE_RESULT=success
	for ((tries = 0; tries < 300; tries++)); do
		runs "$1" || break
		sleep 0.1
	done
	if runs "$1"; then
		SERVICE_RESULT=timeout
		kill -KILL "$(< "/run/$1.pid")"
	fi
	commands "$1" ExecStopPost
}

for unit in "${units[@]}"; do
	case $verb in
	is-active) runs "$unit" || exit 3 ;;
	is-enabled) [ -e "/run/$unit.enabled" ] || exit 1 ;;
	show) printf 'Id=%s\nLoadState=loaded\nActiveState=%s\n' "$unit" "$(runs "$unit" && echo active || echo inactive)" ;;
	enable) touch "/run/$unit.enabled" ;;
	disable) rm -f "/run/$unit.enabled" ;;
	kill) kill -HUP "$(< "/run/$unit.pid")" ;;
	esac
	case $* in
	"start "* | "enable "*" --now "*) start "$unit" ;;
	"stop "* | "disable "*" --now "*) stop "$unit" ;;
	"restart "*)
		stop "$unit"
		start "$unit"
		;;
	"try-restart "*)
		if runs "$unit"; then
			stop "$unit"
			start "$unit"
		fi
		;;
	esac
done
case $verb in
is-active | is-enabled | show) ;;
*) echo "$*" >> /var/log/systemctl ;;
esac
