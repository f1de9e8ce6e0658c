#!/bin/bash
# Runs once, on first boot: fetches the setup script under its immutable name,
# checks that it is the one this launch template was made for, leaves it on the
# machine for later runs, and runs it.
set -euo pipefail
exec > >(tee -a /var/log/tandem-user-data.log /dev/console > /dev/null) 2>&1

install -d -m 0755 /etc/tandem
cat > /etc/tandem/instance.env << 'TANDEM_ENV'
{{- range .Settings}}
{{.Name}}={{.Value}}
{{- end}}
TANDEM_ENV
{{with .Preamble}}
{{.}}
{{end}}
setup=$(mktemp /root/tandem-setup.XXXXXX)
for attempt in 1 2 3 4 5 6 7 8 9 10; do
	aws s3 cp --only-show-errors --region '{{.Region}}' 's3://{{.Bucket}}/{{.SetupKey}}' "$setup" && break
	echo "attempt $attempt to fetch the setup script failed"
	sleep "$attempt"
done
[ -s "$setup" ] || { echo 'cannot fetch s3://{{.Bucket}}/{{.SetupKey}}'; exit 1; }
echo '{{.SetupSHA256}}' "$setup" | sha256sum --check --strict -
install -m 0755 "$setup" /usr/local/sbin/tandem-setup
exec /usr/local/sbin/tandem-setup
