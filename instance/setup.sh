#!/bin/bash
# Configures this machine: installs the agent that rescues and drains before
# anything else, so that it is there even where the rest fails; then fetches a
# release of its playbook and one of its service from the build bucket, checks
# both before it unpacks either, and runs the playbook, which puts the health
# file in place as its very last step. Until then the load balancer sends no
# traffic.
#
#   tandem-setup                              what is latest-stable
#   VERSION=42 ANS_VERSION=7 tandem-setup     service 42, playbook 7
#
# It may be run again at any time. On the machine there are then
#
#   /usr/local/bin/spotwatch            the agent, run by spotwatch.service
#   /usr/local/sbin/tandem-logs         ships logs where the settings name brokers
#   /etc/tandem/release                 what is in place, KEY=value lines
#   /opt/tandem/<artifact>/<N>-<hash>   the last few releases
#   /var/lib/tandem/health              the health file
#   /var/log/tandem/setup.log           what every run said, 64 MiB and setup.log.1
#
# There is no service without its agent: a machine on which that cannot be
# installed is not configured, because it would drop calls when it goes.
#
# A release that cannot be had, or is not what it should be, changes nothing:
# the machine goes on with the one it has. While a playbook brings another
# release, and after one that failed, there is neither health file nor record.
set -euo pipefail
umask 022

readonly settings=/etc/tandem/instance.env
readonly record=/etc/tandem/release
readonly health=/var/lib/tandem/health
readonly releases=/opt/tandem
readonly lock=/run/tandem-setup.lock
readonly logfile=/var/log/tandem/setup.log
readonly keep=3             # releases of each artifact
readonly patience=900       # seconds to wait for another run
readonly attempts=8         # at everything that needs the network
metadata=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
readonly metadata=${metadata%/}/latest

# First boot and Systems Manager leave these to chance.
export HOME=${HOME:-/root} LC_ALL=C.UTF-8
export AWS_RETRY_MODE=standard
export ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_PYTHON_INTERPRETER=auto_silent ANSIBLE_PIPELINING=1

log() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >&2; }
# fail WHY... ends the run; finish says why, as the last of all.
fail() {
	why=$*
	exit 1
}

# patiently COMMAND ARG... repeats what may fail for a while.
patiently() {
	local attempt
	for ((attempt = 1; attempt <= attempts; attempt++)); do
		"$@" && return
		log "attempt $attempt failed: $*"
		sleep "$attempt"
	done
	return 1
}

# fetch KEY FILE copies an object of the build bucket.
fetch() {
	local from="s3://$TANDEM_BUILD_BUCKET/$1" attempt said
	for ((attempt = 1; attempt <= attempts; attempt++)); do
		said=$(aws s3 cp --only-show-errors "$from" "$2" 2>&1) && return
		log "attempt $attempt to fetch $from failed: ${said##*$'\n'}"
		[[ $said != *'(404)'* ]] || fail "there is no $from: was it published, and promoted?"
		sleep "$attempt"
	done
	fail "cannot fetch $from"
}

# tag NAME=VALUE... gives this instance tags, for `tandem status` to read. They
# are for people: a machine that cannot tag itself is configured all the same.
tag() {
	local token id each said='no metadata' tags=()
	for each; do tags+=("Key=${each%%=*},Value=${each#*=}"); done
	if token=$(curl -fs --max-time 2 --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token") &&
		id=$(curl -fs --max-time 2 --header "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/instance-id") &&
		said=$(aws ec2 create-tags --cli-connect-timeout 5 --cli-read-timeout 10 --resources "$id" --tags "${tags[@]}" 2>&1); then
		return
	fi
	log "cannot tag this instance: ${said##*$'\n'}"
}

# field NAME FILE prints the value of a NAME=value line.
field() { sed -n "s/^$1=//p" "$2"; }

install_ansible() {
	if uses_apt; then
		add_packages ansible-core python3-apt
	else
		add_packages ansible-core
	fi
}

# add_packages PACKAGE... installs packages.
add_packages() {
	if uses_apt; then
		export DEBIAN_FRONTEND=noninteractive
		apt-get update --quiet && apt-get install --yes --quiet -o DPkg::Lock::Timeout=300 --no-install-recommends "$@"
	else
		dnf install --assumeyes --quiet "$@"
	fi
}

# uses_apt tells Debian, where there may be a dnf too, from Amazon Linux.
uses_apt() { command -v apt-get > /dev/null; }

# use_mirror has apt or dnf know the environment's packages and nothing else,
# whatever the image or a package names besides; and where the environment has
# none, what the image names. A mirror that cannot be read fails whoever needs
# it, later.
use_mirror() {
	local url=${TANDEM_PACKAGES_URL:-} replaced=''
	if [ -n "$url" ]; then
		# shellcheck source=/dev/null
		url=$url/$(. /etc/os-release && echo "$ID-$VERSION_ID")
	fi
	if uses_apt; then
		apt_mirror "${url:+$url/$(dpkg --print-architecture)}"
	else
		dnf_mirror "${url:+$url/$(uname -m)}"
	fi
	[ -z "$replaced" ] || log "packages come from ${url:-the sources of the image}"
}

# apt_mirror URL has apt read a mirror; without URL, the image's sources. Nobody
# but the environment's own roles writes to the mirror, and nothing there is
# signed: docs/packages.md says why.
apt_mirror() {
	local config=/etc/apt/apt.conf.d/99tandem-packages list=/etc/tandem/packages.list
	if [ -n "$1" ]; then
		echo "deb [trusted=yes] $1 stable main" > "$work/packages.list"
		printf 'Dir::Etc::SourceList "%s";\nDir::Etc::SourceParts "/dev/null";\n' "$list" > "$work/packages.conf"
		place_file 0644 "$work/packages.list" "$list"
		place_file 0644 "$work/packages.conf" "$config"
	elif [ -e "$config" ]; then
		rm "$config"
		replaced=yes
	else
		return 0
	fi
	apt-get update --quiet || log "cannot read where packages come from"
}

# dnf_mirror URL has dnf read a mirror; without URL, the image's repositories.
# Packages have to be signed by the distribution, whose keys the image has.
dnf_mirror() {
	local conf=/etc/dnf/dnf.conf repos=/etc/tandem/repos.d key keys=()
	local line="reposdir=$repos"
	[ -n "$1" ] || grep --quiet --line-regexp --fixed-strings "$line" "$conf" || return 0
	sed "\\|^$line\$|d" "$conf" > "$work/dnf.conf"
	if [ -n "$1" ]; then
		for key in /etc/pki/rpm-gpg/*; do keys+=("file://$key"); done
		printf '%s\n' '[tandem]' name=tandem "baseurl=$1" enabled=1 gpgcheck=1 "gpgkey=${keys[*]}" metadata_expire=60 \
			skip_if_unavailable=False > "$work/tandem.repo"
		place_file 0644 "$work/tandem.repo" "$repos/tandem.repo"
		grep --quiet '^\[main\]' "$work/dnf.conf" || echo '[main]' >> "$work/dnf.conf"
		sed -i "/^\[main\]/a $line" "$work/dnf.conf"
	fi
	place_file 0644 "$work/dnf.conf" "$conf"
}

# archive manifest|check|unpack|reason ARG... reads what a shell cannot read
# safely. Python comes with Ansible; one parser both checks the entries and
# unpacks them.
archive() {
	python3 -I - "$@" << 'PYTHON'
import json
import sys
import tarfile


def manifest(path, artifact, environment, version):
    """Prints SHA-256 and commit if the manifest is that of this release."""
    with open(path, encoding="utf-8") as file:
        m = json.load(file)
    have, want = (m["artifact"], m["environment"], m["version"]), (artifact, environment, int(version))
    if have != want:
        sys.exit("its manifest is that of %s %s for %s" % (have[0], have[2], have[1]))
    print(m["sha256"], m.get("git_commit", ""))


def escapes(name, target):
    """Tells whether a symbolic link may lead out of the tree. It may climb at
    its beginning only: behind another link's name, .. leads anywhere."""
    climb, parts = name.count("/"), target.split("/")
    while parts and parts[0] in ("..", "."):
        climb -= parts.pop(0) == ".."
    return target.startswith("/") or climb < 0 or ".." in parts


def entries(archive):
    """Yields the entries, and stops at the first that could do harm."""
    kinds = {}
    for entry in archive:
        name, parts = entry.name, entry.name.split("/")
        parents = ["/".join(parts[:n]) for n in range(1, len(parts))]
        fault = None
        if not {"", ".", ".."}.isdisjoint(parts):
            fault = "has an absolute name, or one with . or .. in it"
        elif any(kinds.get(parent, "directory") != "directory" for parent in parents):
            fault = "lies below what is no directory"
        elif name in kinds and not (entry.isdir() and kinds[name] == "directory"):
            fault = "comes twice"
        elif entry.issym():
            kind = "link"
            if escapes(name, entry.linkname):
                fault = "links to %r, out of the tree" % entry.linkname
        elif entry.islnk():
            kind = "file"
            if kinds.get(entry.linkname) != "file":
                fault = "links to %r, no file before it" % entry.linkname
        elif entry.isdir():
            kind = "directory"
        elif entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
            kind = "file"
        else:
            fault = "is neither file, directory nor link"
        if fault:
            sys.exit("its entry %r %s" % (name, fault))
        kinds.update(dict.fromkeys(parents, "directory"))
        kinds[name] = kind
        yield entry


def check(path):
    with tarfile.open(path, "r:gz") as archive:
        for _ in entries(archive):
            pass


def unpack(path, directory):
    with tarfile.open(path, "r:gz") as archive:
        # Newer Pythons filter by default, and warn; entries has done that.
        archive.extraction_filter = lambda entry, _: entry
        for entry in entries(archive):
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mode &= 0o755
            if entry.isdir():
                entry.mode |= 0o700
            archive.extract(entry, directory)


def reason(path):
    """Prints why a playbook has failed: what its last task to fail says, or
    Ansible itself, or whatever came last."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    said = lines[-1:] + [line for line in lines if line.startswith("ERROR! ")][-1:]
    for line in lines:
        head, _, result = line.partition(" => ")
        if head.startswith(("fatal: ", "failed: ")):
            try:
                said.append(str(json.loads(result)["msg"]).strip().replace("\n", "; "))
            except (KeyError, TypeError, ValueError):
                said.append(line)
    print(said[-1][:500] if said else "it says nothing")


try:
    {"manifest": manifest, "check": check, "unpack": unpack, "reason": reason}[sys.argv[1]](*sys.argv[2:])
except (OSError, EOFError, KeyError, TypeError, ValueError, tarfile.TarError) as error:
    sys.exit("it is damaged: %s: %s" % (type(error).__name__, error))
PYTHON
}

# What is to be in place, by artifact.
declare -A version sha256 commit place

# obtain ARTIFACT PINNED chooses a release, the latest-stable one where none is
# pinned, and checks it. Unless it is on the machine already, its archive is in
# $work afterwards. Nothing is unpacked.
obtain() {
	local artifact=$1 n=$2 stable='' sum said
	local prefix="$artifact/$TANDEM_ENVIRONMENT" file="$work/$artifact"
	if [ -z "$n" ]; then
		fetch "$prefix/latest-stable.txt" "$file.txt"
		n=$(field VERSION "$file.txt")
		stable=$(field SHA256 "$file.txt")
	fi
	[[ $n =~ ^[1-9][0-9]{0,8}$ ]] || fail "$artifact: the version is '$n', want a number from 1"
	fetch "$prefix/$artifact-$n.json" "$file.json"
	said=$(archive manifest "$file.json" "$artifact" "$TANDEM_ENVIRONMENT" "$n" 2>&1) || fail "$artifact $n: $said"
	sum=${said%% *}
	[[ $sum =~ ^[0-9a-f]{64}$ ]] || fail "$artifact $n: its manifest names no SHA-256"
	[ "$sum" = "${stable:-$sum}" ] || fail "$artifact $n: its SHA-256 is $stable by latest-stable, $sum by its manifest"
	version[$artifact]=$n sha256[$artifact]=$sum commit[$artifact]=${said#* }
	place[$artifact]=$releases/$artifact/$n-${sum:0:12}
	[ ! -d "${place[$artifact]}" ] || return 0
	fetch "$prefix/$artifact-$n.tar.gz" "$file.tar.gz"
	echo "$sum  $file.tar.gz" | sha256sum --check --strict --status - ||
		fail "$artifact $n: the archive's SHA-256 is not $sum: it is damaged or another one"
	said=$(archive check "$file.tar.gz" 2>&1) || fail "$artifact $n: $said"
}

# unpack ARTIFACT puts what obtain has checked into its place in one step.
unpack() {
	local dir=${place[$1]}
	if [ ! -d "$dir" ]; then
		rm -rf "$dir.new"
		install -d -m 0755 "$dir.new"
		archive unpack "$work/$1.tar.gz" "$dir.new" || fail "$1 ${version[$1]}: cannot unpack it"
		mv "$dir.new" "$dir"
	fi
	touch "$dir" # used last
}

# prune ARTIFACT removes all but the releases used last.
prune() {
	find "$releases/$1" -mindepth 1 -maxdepth 1 -printf '%T@ %p\n' | sort -rn | tail -n "+$((keep + 1))" |
		cut -d ' ' -f 2- | xargs -r -d '\n' rm -rf
}

# place_file MODE FROM TO puts a file in place in one step, unless it is there
# already.
place_file() {
	cmp --silent "$2" "$3" || { install -D -m "$1" "$2" "$3.new" && mv "$3.new" "$3" && replaced=yes; } || fail "cannot put $2 into $3"
}

# install_agent installs the latest-stable agent and has it run, before all that
# may fail for reasons of the service's.
install_agent() {
	local agent replaced=''
	case $(uname -m) in
	x86_64) agent=spotwatch-amd64 ;;
	aarch64) agent=spotwatch-arm64 ;;
	*) fail "there is no agent for $(uname -m)" ;;
	esac
	command -v python3 > /dev/null || patiently install_ansible || fail "cannot install Python"
	obtain "$agent" ''
	unpack "$agent"
	install -d -m 0755 /etc/tandem/drain.d /etc/tandem/flush.d
	place_file 0755 "${place[$agent]}/spotwatch" /usr/local/bin/spotwatch
	place_file 0644 "${place[$agent]}/spotwatch.service" /etc/systemd/system/spotwatch.service
	# A new one takes up a drain where the one before left it.
	if [ -n "$replaced" ] || ! systemctl is-active --quiet spotwatch.service; then
		systemctl daemon-reload
		systemctl enable --quiet spotwatch.service
		systemctl restart spotwatch.service
		log "started the agent, $agent ${version[$agent]}"
	fi
	install_shipping "${place[$agent]}" || true # it has said why
	prune "$agent"
}

# install_packages COMMAND FILE PACKAGE... installs packages unless a command,
# and a file below /usr/lib or /usr/lib64, are there: not on each boot, because
# mirrors fail.
install_packages() {
	local command=$1 file=$2
	shift 2
	if command -v "$command" > /dev/null && [ -n "$(find /usr/lib /usr/lib64 -name "$file" -print -quit 2> /dev/null)" ]; then
		return
	fi
	add_packages "$@"
}

# install_shipping RELEASE has the machine ship its logs, or stop doing so, before
# all that may fail for reasons of the service's. A machine that cannot ship takes
# traffic all the same: in a shell of its own, fail ends no more than this.
install_shipping() (
	from=$1 replaced='' units=/etc/systemd/system
	trap '[ $? = 0 ] || log "error: this machine does not ship its logs${why:+: $why}"' EXIT
	[ -e "$from/tandem-logs" ] || return 0 # an agent from before
	if [ -z "${TANDEM_LOG_BROKERS:-}" ]; then
		timers=("$units"/tandem-logs-*.timer)
		[ ! -e /usr/local/sbin/tandem-logs ] || systemctl disable --quiet --now "${timers[@]##*/}" tandem-logs.service
		rm -f /usr/local/sbin/tandem-logs /etc/tandem/flush.d/90-tandem-logs
		return
	fi
	install_packages rsyslogd omkafka.so rsyslog rsyslog-kafka || return
	place_file 0755 "$from/tandem-logs" /usr/local/sbin/tandem-logs
	place_file 0755 "$from/tandem-logs-flush" /etc/tandem/flush.d/90-tandem-logs
	timers=("$from"/tandem-logs-*.timer)
	for file in "$from"/tandem-logs.service "$from"/tandem-logs-*.service "${timers[@]}"; do
		place_file 0644 "$file" "$units/${file##*/}"
	done
	if [ -n "$replaced" ] || ! systemctl is-active --quiet tandem-logs.service; then
		systemctl daemon-reload && systemctl enable --quiet --now "${timers[@]##*/}" &&
			systemctl enable --quiet tandem-logs.service && systemctl restart tandem-logs.service || return
		log 'started shipping logs'
	fi
)

# follow_release has log lines say which release is in place, or that none is.
follow_release() {
	[ ! -e /usr/local/sbin/tandem-logs ] || /usr/local/sbin/tandem-logs refresh || log 'cannot tell the log shipping of the release in place'
}

# describe prints the record of what is to be in place, but for the time.
describe() {
	local kind artifact
	for kind in SERVICE PLAYBOOK; do
		artifact=TANDEM_$kind
		artifact=${!artifact}
		printf '%s=%s\n' "$kind" "$artifact" "${kind}_VERSION" "${version[$artifact]}" \
			"${kind}_GIT_COMMIT" "${commit[$artifact]}" "${kind}_SHA256" "${sha256[$artifact]}"
	done
}

# variables prints the playbook's variables: the settings, in lower case, and
# where the release and the health file are. Settings hold no quotes.
variables() {
	local name
	for name in "${!TANDEM_@}"; do
		printf "%s: '%s'\n" "${name,,}" "${!name}"
	done
	printf "tandem_release: '%s'\ntandem_version: '%s'\n" "${place[$TANDEM_SERVICE]}" "${version[$TANDEM_SERVICE]}"
	printf "tandem_health_file: '%s'\n" "$health"
}

# finish runs at the end, however it comes about, and to its own end, also
# where nobody takes the log any more.
finish() {
	local status=$?
	set +e # in a trap, a bare return returns the status that the run ends with
	trap '' PIPE
	if [ -n "$configuring" ]; then
		rm -f "$health" "$record"
		tag tandem:release=broken
		follow_release
		log 'this machine is not configured and takes no traffic; run tandem-setup again'
	fi
	rm -rf "$work"
	[ "$status" = 0 ] || log "error: ${why:-exit code $status}"
	exit "$status"
}

configure() {
	obtain "$TANDEM_SERVICE" "${VERSION:-}"
	obtain "$TANDEM_PLAYBOOK" "${ANS_VERSION:-}"
	unpack "$TANDEM_PLAYBOOK"
	unpack "$TANDEM_SERVICE"
	describe > "$work/record"
	variables > "$work/variables.yml"
	log "configuring $TANDEM_SERVICE ${version[$TANDEM_SERVICE]} with $TANDEM_PLAYBOOK ${version[$TANDEM_PLAYBOOK]}"
	configuring=yes
	# The very same release may be checked while it serves.
	if [ "$(sed '/^CONFIGURED_AT=/d' "$record" 2> /dev/null)" != "$(< "$work/record")" ]; then
		rm -f "$health" "$record"
		tag tandem:release=setting-up
	fi
	install -d -m 0755 "${health%/*}"
	cd "${place[$TANDEM_PLAYBOOK]}"
	# What the playbook starts must not hold the lock.
	ansible-playbook --connection local --inventory localhost, --extra-vars "@$work/variables.yml" site.yml 2>&1 9>&- | tee "$work/said" 9>&- ||
		fail "the playbook has failed: $(archive reason "$work/said")"
	[ -e "$health" ] || fail "the playbook succeeded without a health file in $health"
	printf 'CONFIGURED_AT=%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >> "$work/record"
	install -m 0644 "$work/record" "$record.new"
	mv "$record.new" "$record"
	configuring=
	follow_release
	tag "tandem:release=${version[$TANDEM_SERVICE]}" "tandem:playbook-release=${version[$TANDEM_PLAYBOOK]}"
	prune "$TANDEM_PLAYBOOK"
	prune "$TANDEM_SERVICE"
	log "configured $TANDEM_SERVICE ${version[$TANDEM_SERVICE]}"
}

main() {
	local line
	configuring='' why='' work=$(mktemp -d -p /var/tmp tandem-setup.XXXXXX) # /tmp may be memory
	trap finish EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	while IFS= read -r line; do
		[[ $line != *=* ]] || export "${line?}"
	done < "$settings"
	flock --nonblock 9 || {
		log "another run is under way: waiting for its end"
		flock --wait "$patience" 9 || fail "another run has not come to its end in $patience s"
	}
	use_mirror
	install_agent
	command -v ansible-playbook > /dev/null || patiently install_ansible || fail "cannot install Ansible"
	configure
}

install -d -m 0755 "${logfile%/*}"
[ "$(stat --format %s "$logfile" 2> /dev/null || echo 0)" -le $((64 << 20)) ] || mv "$logfile" "$logfile.1"
main 9> "$lock" 2>&1 | tee -a "$logfile"
