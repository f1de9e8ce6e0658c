#!/bin/bash
# Ships this machine's logs to Kafka with rsyslog, for the units beside it:
#
#   tandem-logs prepare     writes rsyslog's configuration from the settings, and has it
#                           read again what a kill may have cost; before each start
#   tandem-logs stopped     notes that rsyslog came to an orderly end; after each
#   tandem-logs checkpoint  has it note how far it has come, by a restart; each hour
#   tandem-logs refresh     restarts it if the release in place, a setting or the password
#                           has changed; after each release, and every ten minutes
#   tandem-logs flush       ships all there is, for the agent, before the machine goes
#
#   logs ──imfile──> queue, in memory, then on disk ──omkafka──> Kafka
#
# What rsyslog has read is noted when it ends in order, which it does at each
# whole hour. One that was killed reads again from there. That sends lines twice,
# under the same id, which the index takes once.
set -euo pipefail
umask 077

readonly root=${TANDEM_LOGS_ROOT:-}
readonly etc=$root/etc/tandem/logs
readonly var=$root/var/lib/tandem-logs
readonly states=$var/states         # what rsyslog has read
readonly spool=$var/spool           # what it has not shipped
readonly checkpoint=$var/checkpoint # both, as of its last orderly end
readonly clean=$var/clean           # there from an orderly end to the next start
readonly said=$root/var/log/tandem/logs.log
readonly notes=$root/var/log/tandem/shipping.log
metadata=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
readonly metadata=${metadata%/}/latest

# shellcheck source=SCRIPTDIR/common.sh
source "$(dirname "$(readlink -f "$0")")/common.sh"

# instance_id prints the id, which is kept for when nobody tells.
instance_id() {
	local token id
	if [ ! -s "$var/instance" ]; then
		token=$(curl -fs --max-time 2 --retry 3 --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token") ||
			fail 'the metadata service gives no token'
		id=$(curl -fs --max-time 2 --retry 3 --header "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/instance-id") ||
			fail 'the metadata service does not tell the instance id'
		[[ $id =~ ^[a-z0-9-]{1,64}$ ]] || fail "the instance id is '$id'"
		printf '%s\n' "$id" > "$var/instance"
	fi
	cat "$var/instance"
}

# release prints the version of the service in place.
release() {
	local version=''
	[ ! -r "$root/etc/tandem/release" ] || version=$(sed -n 's/^SERVICE_VERSION=//p' "$root/etc/tandem/release")
	printf '%s' "${version:-none}"
}

# file SOURCE PATTERN prints an input. A line gets its tag when it is read, and
# so keeps its release however long it has to wait.
file() {
	printf 'input(type="imfile" file="%s" tag="%s %s" ruleset="ship" addMetadata="on" escapeLF="off" reopenOnTruncate="on")\n' \
		"$root$2" "$1" "$release"
}

# inputs prints what is read. A line is a document: to join those of a stack
# trace, they would have to be waited for, and a second reading would not find
# the same borders.
inputs() {
	file apache-access '/var/log/apache2/*access*.log'
	file apache-error '/var/log/apache2/*error*.log'
	file apache-access '/var/log/httpd/*access_log'
	file apache-error '/var/log/httpd/*error_log'
	case $TANDEM_SERVICE in
	apache2 | httpd | tandem) ;; # these are others' already
	*) file service "/var/log/$TANDEM_SERVICE/*.log" ;;
	esac
	file cloud-init '/var/log/cloud-init*.log'
	file setup '/var/log/tandem/setup*.log'
	file spotwatch '/var/log/tandem/spotwatch*.log'
	file shipping '/var/log/tandem/shipping*.log'
}

# configuration prints all of rsyslog's configuration.
configuration() {
	local id release secure
	id=$(instance_id) || exit
	release=$(release)
	secure=$(security) || exit
	cat << CONFIGURATION
# Written by tandem-logs; changes are lost.
global(workDirectory="$states" maxMessageSize="64k" processInternalMessages="on" abortOnUncleanConfig="on" shutdown.queue.doubleSize="on")
module(load="imfile")
module(load="mmutf8fix")
module(load="fmhash")
module(load="omkafka")

# Nothing but an id and a time comes before the first text that others wrote. An
# id is the place of a line: instance, offset, file and, because a file of the
# same name may have another line there tomorrow, the line.
template(name="record" type="list") {
	constant(value="{\"id\":\"$id:")
	property(name="\$!metadata!fileoffset")
	constant(value=":")
	property(name="\$.file")
	constant(value=":")
	property(name="\$.line")
	constant(value="\",\"@timestamp\":\"")
	property(name="timegenerated" dateFormat="rfc3339" date.inUTC="on")
	constant(value="\",\"host\":\"$HOSTNAME\",\"instance_id\":\"$id\",\"environment\":\"$TANDEM_ENVIRONMENT\",\"cluster\":\"$TANDEM_CLUSTER\",\"group\":\"$TANDEM_GROUP\",\"service\":\"$TANDEM_SERVICE\",\"lifecycle\":\"$TANDEM_LIFECYCLE\",\"source\":\"")
	property(name="syslogtag" field.delimiter="32" field.number="1")
	constant(value="\",\"release\":\"")
	property(name="syslogtag" field.delimiter="32" field.number="2")
	constant(value="\",\"offset\":")
	property(name="\$!metadata!fileoffset")
	constant(value=",\"file\":\"")
	property(name="\$!metadata!filename" format="json")
	constant(value="\",\"message\":\"")
	property(name="msg" format="json")
	constant(value="\"}\n") # omkafka keeps what it could not send as lines
}

# While the brokers are away, what is beyond the memory's share goes to disk.
# When that is full too, files are read no further until there is room. The
# queue is the action's, because a ruleset's would never let files go to disk.
ruleset(name="ship" queue.type="Direct") {
	action(type="mmutf8fix")
	set \$.file = hash64(\$!metadata!filename);
	set \$.line = hash64(\$msg);
	action(type="omkafka" name="kafka" template="record"
		broker=$(brokers) topic="$TANDEM_LOG_TOPIC" key="$id" partitions.auto="on"
		confParam=["client.id=$id", "compression.codec=lz4", "queue.buffering.max.ms=20",
			"queue.buffering.max.messages=20000", "queue.buffering.max.kbytes=16384",
			"reconnect.backoff.max.ms=2000"$secure]
		topicConfParam=["message.timeout.ms=0"]
		resubmitOnFailure="on" keepFailedMessages="on" failedMsgFile="$spool/unsent" reopenOnHup="off" closeTimeout="5000"
		action.resumeRetryCount="-1" action.resumeInterval="1" action.resumeIntervalMax="2"
		queue.type="LinkedList" queue.size="20000" queue.highWatermark="12000" queue.lowWatermark="2000"
		queue.discardMark="20000" queue.discardSeverity="8"
		queue.filename="ship" queue.spoolDirectory="$spool" queue.maxFileSize="8m"
		queue.maxDiskSpace="${TANDEM_LOG_QUEUE_MIB:-1024}m" queue.saveOnShutdown="on" queue.checkpointInterval="1000"
		queue.dequeueBatchSize="1024" queue.workerThreads="1" queue.timeoutEnqueue="2147483647"
		queue.timeoutShutdown="5000" queue.timeoutActionCompletion="5000")
}

$(inputs)

# What rsyslog itself has to say.
action(type="omfile" file="$said" fileCreateMode="0640")
CONFIGURATION
}

# render writes the configuration. It sets changed where it is another one.
render() {
	read_settings
	want '[A-Za-z0-9._-]+' TANDEM_ENVIRONMENT TANDEM_CLUSTER TANDEM_GROUP TANDEM_SERVICE TANDEM_LIFECYCLE TANDEM_LOG_TOPIC
	want '[A-Za-z0-9.-]+:[0-9]+(,[A-Za-z0-9.-]+:[0-9]+)*' TANDEM_LOG_BROKERS
	[ -z "${TANDEM_LOG_QUEUE_MIB:-}" ] || want '[1-9][0-9]{0,6}' TANDEM_LOG_QUEUE_MIB
	install -d -m 0700 "$etc" "$var" "$states" "$spool"
	install -d -m 0755 "$root/var/log/tandem"
	alone
	configuration > "$etc/rsyslog.conf.next"
	replace "$etc/rsyslog.conf" < "$etc/rsyslog.conf.next"
	rm "$etc/rsyslog.conf.next"
	over
}

# rewind puts everything back to where it was at rsyslog's last orderly end,
# unless it has just come to one: what was in its memory, or in librdkafka's, is
# lost, and so it reads again what it has read since.
rewind() {
	local name size
	if [ -e "$clean" ]; then
		rm -rf "$checkpoint" "$checkpoint.new"
		install -d -m 0700 "$checkpoint.new"
		cp -a "$states" "$checkpoint.new/states"
		# The queue's files only grow: links and lengths will do.
		cp -al "$spool" "$checkpoint.new/spool"
		find "$spool" -type f -printf '%f %s\n' > "$checkpoint.new/sizes"
		mv "$checkpoint.new" "$checkpoint"
		rm "$clean"
		return
	fi
	rm -rf "$states" "$spool"
	if [ -d "$checkpoint" ]; then
		say 'rsyslog was killed: it reads again what it has read since its last orderly end'
		cp -a "$checkpoint/states" "$states"
		cp -al "$checkpoint/spool" "$spool"
		while read -r name size; do truncate --size "$size" "$spool/$name"; done < "$checkpoint/sizes"
	else
		install -d -m 0700 "$states" "$spool"
	fi
}

# spooled prints how many bytes have not been shipped.
spooled() { find "$spool" -type f -printf '%s\n' | awk '{sum += $1} END {print sum + 0}'; }

# suspended tells whether rsyslog waits for the brokers, as it says itself.
suspended() {
	tail -c 1M "$said" 2> /dev/null | awk "/action 'kafka' suspended/ {waits = 1} /action 'kafka' resumed|\\] start\$/ {waits = 0} END {exit !waits}"
}

# refresh restarts rsyslog if there is another configuration. One that waits for
# the brokers keeps to itself what has gone wrong since, such as a password that
# they do not take any more, until it gets a signal.
refresh() {
	render
	if [ -n "$changed" ]; then
		systemctl restart tandem-logs.service
	elif suspended; then
		systemctl kill --signal HUP tandem-logs.service
	fi
}

# flush ends rsyslog, which ships all there is before, and starts it again, so
# that it ships the agent's final marker too, which comes after this.
flush() {
	local left
	sleep 0.3 # for what was written just now to be read
	systemctl restart tandem-logs.service
	left=$(spooled)
	[ "$left" = 0 ] || fail "$left bytes of logs have not been shipped"
}

# checkpoint has rsyslog come to an orderly end, and starts it again. With a full
# queue it would come to none, and lose its place instead of noting it.
checkpoint() {
	read_settings
	[ "$(spooled)" -lt $((${TANDEM_LOG_QUEUE_MIB:-1024} * 900000)) ] || fail 'the disk queue is full: it goes on without a note of how far it has come'
	systemctl try-restart tandem-logs.service
	# omkafka sends what brokers have refused again with the next line: here is one.
	printf '%s noted how far the log shipping has come\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >> "$notes"
}

main() {
	local changed=''
	case ${1:-} in
	prepare)
		bounded "$said" "$notes"
		render
		rewind
		;;
	stopped) [ "${SERVICE_RESULT:-success}" != success ] || touch "$clean" ;;
	refresh) refresh ;;
	checkpoint) checkpoint ;;
	flush) flush ;;
	*) fail "want prepare, stopped, refresh, checkpoint or flush, got '${1:-}'" ;;
	esac
}

main "$@"
