#!/bin/bash
# Brings logs from Kafka into daily indices of Elasticsearch or OpenSearch, for
# the units beside it:
#
#   tandem-log-indexer prepare    writes the configurations; before each start
#   tandem-log-indexer refresh    restarts both if a setting or a password has changed;
#                                 every ten minutes
#   tandem-log-indexer template   puts the index template in place
#   tandem-log-indexer retention  deletes indices whose days are over
#
#   Kafka ──imkafka──> queue ──omelasticsearch──> nginx ──> index
#             ^                     │ what it has no room for
#             └──────omkafka────────┤
#                                   └ what it will never take ──> dead letters
#
# omelasticsearch takes an answer of 429 or 503 to a whole request for a fault of
# the documents, and gives them up. nginx, which also logs in and checks the
# index's certificate, turns such an answer into none, upon which the documents
# are sent again.
#
# Offsets are committed when rsyslog ends in order, which it does once an hour, and
# not before. One that was killed, or whose machine is gone, has its
# messages since then indexed again, under the same ids.
set -euo pipefail
umask 077

readonly root=${TANDEM_LOGS_ROOT:-}
readonly etc=$root/etc/tandem/log-indexer
readonly var=$root/var/lib/tandem-log-indexer
readonly log=$root/var/log/tandem
readonly dead=$var/dead-letters.json
readonly gateway=${TANDEM_LOG_GATEWAY:-127.0.0.1:9201} # nginx

# shellcheck source=SCRIPTDIR/../logging/common.sh
source "$(dirname "$(readlink -f "$0")")/common.sh"

# login prints the user and the password of the index as Basic authentication
# has them.
login() {
	local secret
	[ -n "${TANDEM_LOG_INDEX_SECRET:-}" ] || return 0
	secret=$(credentials index "$TANDEM_LOG_INDEX_SECRET") || exit
	printf '%s:%s' "${secret%%$'\n'*}" "${secret#*$'\n'}" | base64 --wrap=0
}

# resolver prints who tells nginx addresses, which does not look for itself.
resolver() {
	awk '$1 == "nameserver" {
		sub(/%.*/, "", $2)
		all = all " " ($2 ~ /:/ ? "[" $2 "]" : $2)
	}
	END {if (all) print "resolver" all " valid=30s;"}' /etc/resolv.conf
}

nginx_configuration() {
	local trust who='' host
	host=${TANDEM_LOG_INDEX_URL#*://}
	trust=$(authorities) || exit
	who=$(login) || exit
	cat << CONFIGURATION
# Written by tandem-log-indexer; changes are lost.
daemon off;
pid $var/nginx.pid;
error_log $log/log-indexer-nginx.log warn;
worker_processes 1;
events {}
http {
	access_log off;
	server_tokens off;
	client_max_body_size 0;
	client_body_buffer_size 8m;
	client_body_temp_path $var/nginx-body;
	proxy_temp_path $var/nginx-proxy;
	fastcgi_temp_path $var/nginx-fastcgi;
	uwsgi_temp_path $var/nginx-uwsgi;
	scgi_temp_path $var/nginx-scgi;
	proxy_buffers 16 64k;
	proxy_buffer_size 64k;
	proxy_busy_buffers_size 128k;
	$(resolver)
	server {
		listen $gateway;
		location / {
			# A domain's addresses change: with a variable, nginx looks them up again.
			set \$index "$host";
			proxy_pass ${TANDEM_LOG_INDEX_URL%%://*}://\$index;
			proxy_http_version 1.1;
			proxy_set_header Host $host;
			proxy_set_header Authorization "${who:+Basic $who}";
			proxy_ssl_server_name on;
			proxy_ssl_name ${host%:*};
			proxy_ssl_verify on;
			proxy_ssl_verify_depth 4;
			proxy_ssl_trusted_certificate $trust;
			proxy_connect_timeout 5s;
			proxy_read_timeout 60s;
			proxy_next_upstream off;
			# No answer means: again. A wrong password, or an index that is not
			# there yet, is no fault of the documents.
			proxy_intercept_errors on;
			error_page 401 403 404 408 429 500 502 503 504 = @again;
		}
		location @again {
			return 444;
		}
	}
}
CONFIGURATION
}

rsyslog_configuration() {
	local secure topic
	secure=$(security) || exit
	topic=$TANDEM_LOG_TOPIC
	cat << CONFIGURATION
# Written by tandem-log-indexer; changes are lost.
global(workDirectory="$var" maxMessageSize="512k" processInternalMessages="on" abortOnUncleanConfig="on" shutdown.queue.doubleSize="on"
	parser.escapeControlCharactersOnReceive="off")
module(load="imkafka")
module(load="omkafka")
module(load="omelasticsearch")

input(type="imkafka" topic="$topic" broker=$(brokers) consumerGroup="${TANDEM_LOG_CONSUMER_GROUP:-log-indexer}" ruleset="index"
	confParam=["client.id=$HOSTNAME", "enable.auto.commit=true", "auto.commit.interval.ms=86400000",
		"session.timeout.ms=10000", "reconnect.backoff.max.ms=2000", "queued.max.messages.kbytes=8192", "fetch.message.max.bytes=2097152"$secure])

template(name="document" type="list") { property(name="rawmsg") }
template(name="id" type="list") { property(name="\$.id") }
template(name="day" type="list") {
	constant(value="$TANDEM_LOG_INDEX_PREFIX-")
	property(name="\$.time" position.from="1" position.to="4")
	constant(value=".")
	property(name="\$.time" position.from="6" position.to="7")
	constant(value=".")
	property(name="\$.time" position.from="9" position.to="10")
}
template(name="refused" type="list") {
	constant(value="{\"answer\":")
	property(name="\$.omes")
	constant(value=",\"document\":")
	property(name="\$!")
	constant(value="}\n")
}
template(name="strange" type="list") {
	constant(value="{\"answer\":\"not a log record\",\"document\":\"")
	property(name="rawmsg" format="json")
	constant(value="\"}\n")
}
template(name="again" type="list") {
	property(name="\$!")
	constant(value="\n") # omkafka keeps what it could not send as lines
}
template(name="key" type="list") { property(name="\$!instance_id") }

# Messages have their id and time at the beginning, always in the same form.
# Anybody who may write to Kafka could send others. Two workers: while one waits
# for the index, the other makes its next request.
ruleset(name="index"
	queue.type="LinkedList" queue.size="20000" queue.highWatermark="18000" queue.lowWatermark="2000" queue.lightDelayMark="4000"
	queue.discardMark="20000" queue.discardSeverity="8"
	queue.filename="index" queue.saveOnShutdown="on" queue.checkpointInterval="1" queue.maxFileSize="8m"
	queue.dequeueBatchSize="1000" queue.workerThreads="2" queue.workerThreadMinimumMessages="1500" queue.timeoutEnqueue="2147483647"
	queue.timeoutShutdown="10000" queue.timeoutActionCompletion="5000") {
	set \$.id = field(\$rawmsg, 34, 4);
	set \$.time = field(\$rawmsg, 34, 8);
	if not re_match(\$.id, '^[a-z0-9:-]{1,200}\$') or not re_match(\$.time, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T') then {
		action(type="omfile" file="$dead" template="strange")
		stop
	}
	action(type="omelasticsearch" name="index" server="${gateway%:*}" serverport="${gateway#*:}" template="document"
		dynSearchIndex="on" searchIndex="day" searchType="" dynBulkId="on" bulkId="id" bulkMode="on" maxBytes="4m"
		writeOperation="create" retryFailures="on" retryRuleset="answered" ratelimit.interval="0" errorFile="$var/broken-answers.json"
		indexTimeout="90000" action.resumeRetryCount="-1" action.resumeInterval="1" action.resumeIntervalMax="5")
}

# The answers to the documents of a request of which at least one was not taken.
ruleset(name="answered"
	queue.type="LinkedList" queue.size="10000" queue.highWatermark="9000" queue.lowWatermark="1000"
	queue.discardMark="10000" queue.discardSeverity="8"
	queue.filename="answered" queue.saveOnShutdown="on" queue.checkpointInterval="1" queue.maxFileSize="8m"
	queue.dequeueBatchSize="1000" queue.workerThreads="1" queue.timeoutEnqueue="2147483647"
	queue.timeoutShutdown="10000" queue.timeoutActionCompletion="5000") {
	if \$.omes!status == 200 or \$.omes!status == 201 or \$.omes!status == 409 then stop
	if \$.omes!status == 429 or \$.omes!status >= 500 then {
		# Back to the end of the line, and not too fast.
		action(type="omkafka" name="again" template="again" broker=$(brokers) topic="$topic" dynaKey="on" key="key" partitions.auto="on"
			confParam=["client.id=$HOSTNAME", "compression.codec=lz4", "queue.buffering.max.messages=5000",
				"queue.buffering.max.kbytes=8192", "reconnect.backoff.max.ms=2000"$secure]
			topicConfParam=["message.timeout.ms=0"]
			resubmitOnFailure="on" keepFailedMessages="on" failedMsgFile="$var/unsent" reopenOnHup="off" closeTimeout="5000"
			queue.type="LinkedList" queue.size="4000" queue.dequeueBatchSize="500" queue.dequeueSlowDown="250000"
			queue.filename="again" queue.saveOnShutdown="on" queue.checkpointInterval="1" queue.timeoutEnqueue="2147483647"
			queue.highWatermark="3800" queue.discardMark="4000" queue.discardSeverity="8"
			queue.timeoutShutdown="10000" queue.timeoutActionCompletion="5000"
			action.resumeRetryCount="-1" action.resumeInterval="1" action.resumeIntervalMax="2")
		stop
	}
	action(type="omfile" file="$dead" template="refused")
}

# What rsyslog itself has to say.
action(type="omfile" file="$log/log-indexer.log" fileCreateMode="0640")
CONFIGURATION
}

index_template() {
	cat << TEMPLATE
{"index_patterns": ["$TANDEM_LOG_INDEX_PREFIX-*"], "priority": 100, "template": {
	"settings": {"index": {"number_of_shards": ${TANDEM_LOG_SHARDS:-1}, "number_of_replicas": ${TANDEM_LOG_REPLICAS:-1},
		"refresh_interval": "5s", "codec": "best_compression"}},
	"mappings": {"dynamic": false, "properties": {
		"@timestamp": {"type": "date"},
		"id": {"type": "keyword"},
		"host": {"type": "keyword", "ignore_above": 256},
		"instance_id": {"type": "keyword"},
		"environment": {"type": "keyword"},
		"cluster": {"type": "keyword"},
		"group": {"type": "keyword"},
		"service": {"type": "keyword"},
		"release": {"type": "keyword"},
		"lifecycle": {"type": "keyword"},
		"source": {"type": "keyword"},
		"offset": {"type": "long"},
		"file": {"type": "keyword", "ignore_above": 1024},
		"message": {"type": "text", "norms": false}}}}}
TEMPLATE
}

settings() {
	read_settings
	want '[A-Za-z0-9._-]+' TANDEM_LOG_TOPIC
	want '[A-Za-z0-9.-]+:[0-9]+(,[A-Za-z0-9.-]+:[0-9]+)*' TANDEM_LOG_BROKERS
	want 'https?://[A-Za-z0-9.-]+:[0-9]+' TANDEM_LOG_INDEX_URL
	want '[a-z0-9][a-z0-9._-]{0,100}' TANDEM_LOG_INDEX_PREFIX
	want '[1-9][0-9]{0,4}' TANDEM_LOG_RETENTION_DAYS
	[ -z "${TANDEM_LOG_CONSUMER_GROUP:-}" ] || want '[A-Za-z0-9._-]+' TANDEM_LOG_CONSUMER_GROUP
	[ -z "${TANDEM_LOG_SHARDS:-}" ] || want '[1-9][0-9]{0,2}' TANDEM_LOG_SHARDS
	[ -z "${TANDEM_LOG_REPLICAS:-}" ] || want '[0-9]{1,2}' TANDEM_LOG_REPLICAS
	install -d -m 0700 "$etc"
	install -d -m 0711 "$var" # nginx's workers have a user of their own
	install -d -m 0755 "$log"
}

# render writes the configurations. It sets changed where one is another.
render() {
	alone
	nginx_configuration > "$etc/nginx.conf.next"
	rsyslog_configuration > "$etc/rsyslog.conf.next"
	index_template > "$etc/template.json"
	replace "$etc/nginx.conf" < "$etc/nginx.conf.next"
	replace "$etc/rsyslog.conf" < "$etc/rsyslog.conf.next"
	rm "$etc/nginx.conf.next" "$etc/rsyslog.conf.next"
	over
}

# ask METHOD PATH [OPTION...] asks the index.
ask() {
	local method=$1 path=$2
	shift 2
	curl --silent --show-error --fail --max-time 60 --request "$method" "$@" "http://$gateway/$path"
}

# put_template puts the index template in place, patiently: without it the
# index would guess what fields are, and never forget it for the day.
put_template() {
	local attempt
	for ((attempt = 1; attempt <= ${TANDEM_LOG_ATTEMPTS:-60}; attempt++)); do
		! ask PUT "_index_template/$TANDEM_LOG_INDEX_PREFIX" --header 'Content-Type: application/json' --data-binary "@$etc/template.json" --output /dev/null || return 0
		sleep "$((attempt < 10 ? attempt : 10))"
	done
	fail "cannot put the index template into $TANDEM_LOG_INDEX_URL"
}

# retention deletes indices of days before the last TANDEM_LOG_RETENTION_DAYS.
retention() {
	local indices name day oldest left failed=''
	oldest=$(date -u --date "$TANDEM_LOG_RETENTION_DAYS days ago" +%Y%m%d)
	indices=$(ask GET "_cat/indices/$TANDEM_LOG_INDEX_PREFIX-*?h=index") || fail "cannot list the indices"
	for name in $indices; do
		day=${name#"$TANDEM_LOG_INDEX_PREFIX-"}
		# Others may share the beginning of the name.
		[[ $day =~ ^[0-9]{4}\.[0-9]{2}\.[0-9]{2}$ && ${day//./} -lt $oldest ]] || continue
		# The other indexers delete as well.
		if ask DELETE "$name" --output /dev/null 2> /dev/null || { left=$(ask GET "_cat/indices/$name*?h=index") && [ -z "$left" ]; }; then
			say "deleted $name"
		else
			say "cannot delete $name"
			failed=yes
		fi
	done
	[ -z "$failed" ]
}

main() {
	local changed=''
	case ${1:-} in
	prepare)
		settings
		bounded "$dead" "$log/log-indexer.log" "$log/log-indexer-nginx.log"
		render
		;;
	refresh)
		settings
		render
		[ -z "$changed" ] || systemctl try-restart tandem-log-indexer-gateway.service tandem-log-indexer.service
		;;
	template)
		settings
		put_template
		;;
	retention)
		settings
		retention
		;;
	*) fail "want prepare, refresh, template or retention, got '${1:-}'" ;;
	esac
}

main "$@"
