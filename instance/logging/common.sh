# shellcheck shell=bash disable=SC2034,SC2154 # root, etc and changed are those of the script that reads this
# What tandem-logs and tandem-log-indexer have in common. They keep everything
# below $root, which only tests set; $etc and $var are their own directories.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() {
	say "$*"
	exit 1
}

# read_settings exports the machine's settings.
read_settings() {
	local line
	[ -r "$root/etc/tandem/instance.env" ] || fail "cannot read $root/etc/tandem/instance.env"
	while IFS= read -r line; do
		[[ $line != TANDEM_*=* ]] || export "${line?}"
	done < "$root/etc/tandem/instance.env"
}

# want PATTERN NAME... refuses settings that would not stay in their place in a
# configuration.
want() {
	local pattern=$1 name
	shift
	for name; do
		[[ ${!name:-} =~ ^$pattern$ ]] || fail "$name is '${!name:-}', want $pattern"
	done
}

# quoted TEXT prints it as the inside of a string of rsyslog's configuration.
quoted() {
	local text=${1//\\/\\\\}
	printf '%s' "${text//\"/\\\"}"
}

# brokers prints the brokers as a list of strings.
brokers() {
	local each all out=''
	IFS=, read -ra all <<< "$TANDEM_LOG_BROKERS"
	for each in "${all[@]}"; do out+=", \"$each\""; done
	printf '[%s]' "${out:2}"
}

# credentials NAME ARN prints the user and the password of a secret, a line each.
# The last ones are kept, for when nobody tells.
credentials() {
	local kept=$etc/$1.secret
	if aws secretsmanager get-secret-value --cli-connect-timeout 5 --cli-read-timeout 10 \
		--secret-id "$2" --query SecretString --output text > "$kept.json" &&
		python3 -I -c '
import json, sys
secret = json.load(open(sys.argv[1], encoding="utf-8"))
user, password = secret["username"], secret["password"]
if "\n" in user + password:
    sys.exit("line break")
print(user, password, sep="\n")' "$kept.json" > "$kept.new" 2> /dev/null; then
		mv "$kept.new" "$kept"
	else
		say "cannot read username and password from $2: going on with what there is"
	fi
	rm -f "$kept.json" "$kept.new"
	[ -s "$kept" ] || fail "there is neither username nor password of $2"
	cat "$kept"
}

# authorities prints the file with the certificates to trust.
authorities() {
	local file
	for file in "${TANDEM_LOG_CA:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
		if [ -n "$file" ] && { [ -r "$file" ] || [ "$file" = "${TANDEM_LOG_CA:-}" ]; }; then
			printf '%s' "$file"
			return
		fi
	done
	fail 'there are no certificates to trust'
}

# security prints librdkafka's settings for the way to the brokers, as further
# elements of a list.
security() {
	local secret trust
	case ${TANDEM_LOG_SECURITY:-plaintext} in
	plaintext) return ;;
	tls)
		trust=$(authorities) || exit
		printf ', "security.protocol=ssl", "ssl.ca.location=%s"' "$(quoted "$trust")"
		;;
	scram)
		trust=$(authorities) || exit
		secret=$(credentials brokers "${TANDEM_LOG_SECRET:?is missing}") || exit
		printf ', "security.protocol=sasl_ssl", "sasl.mechanism=SCRAM-SHA-512", "ssl.ca.location=%s"' "$(quoted "$trust")"
		printf ', "sasl.username=%s", "sasl.password=%s"' "$(quoted "${secret%%$'\n'*}")" "$(quoted "${secret#*$'\n'}")"
		;;
	*) fail "TANDEM_LOG_SECURITY is '$TANDEM_LOG_SECURITY', want plaintext, tls or scram" ;;
	esac
}

# replace FILE puts what is read into a file in one step. It sets changed where
# that is something else than before.
replace() {
	cat > "$1.new"
	if cmp --silent "$1.new" "$1"; then
		rm "$1.new"
	else
		mv "$1.new" "$1"
		changed=yes
	fi
}

# alone waits until nobody else writes these configurations, until it is over; not
# for long, because a start, or the end of the machine, may be waiting for it.
alone() {
	exec 9> "$etc/lock"
	flock --timeout 30 9 || fail 'somebody else is writing the configuration'
}
over() { exec 9>&-; }

# bounded FILE... begins each file anew that has passed 64 MiB, and keeps the one
# before. What writes them starts anew after it.
bounded() {
	local file
	for file; do
		if [ -e "$file" ] && [ "$(stat --format %s "$file")" -gt $((64 << 20)) ]; then
			mv "$file" "$file.1"
		fi
	done
}
