#!/bin/sh
# comment.sh FILE: makes FILE, which tandem review wrote as markdown, the comment
# of a pull request on GitHub: the one of the last push is changed in place.
#
# GITHUB_REPOSITORY is owner/name, PULL_REQUEST the number, GITHUB_TOKEN may write
# pull requests, and GITHUB_API_URL is another server than api.github.com.
# It needs curl and jq. https://docs.github.com/en/rest/issues/comments
set -eu

file=$1
api=${GITHUB_API_URL:-https://api.github.com}/repos/$GITHUB_REPOSITORY/issues
marker=$(head -n 1 "$file")
case $marker in
'<!-- '*' -->') ;;
*)
	echo "$file does not begin with a marker: want what tandem review --format markdown writes" >&2
	exit 2
	;;
esac

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# In a file, the token is in no list of processes.
(umask 077 && printf 'Authorization: Bearer %s\n' "$GITHUB_TOKEN" > "$dir/token")

# call METHOD URL [ARGUMENTS]: prints the answer; an error of the server fails.
call() {
	method=$1 url=$2
	shift 2
	curl --silent --show-error --fail-with-body --retry 3 --max-time 60 --request "$method" \
		--header @"$dir/token" --header 'Accept: application/vnd.github+json' --header 'X-GitHub-Api-Version: 2022-11-28' "$@" "$url"
}

id=
page=1
while [ -z "$id" ]; do
	call GET "$api/$PULL_REQUEST/comments?per_page=100&page=$page" > "$dir/page" || {
		cat "$dir/page" >&2
		exit 1
	}
	id=$(jq -r --arg marker "$marker" 'map(select(.body | startswith($marker)))[0].id // empty' "$dir/page")
	[ "$(jq length "$dir/page")" = 100 ] || break
	page=$((page + 1))
done

jq -Rs '{body: .}' "$file" > "$dir/body"
if [ -n "$id" ]; then
	set -- PATCH "$api/comments/$id"
else
	set -- POST "$api/$PULL_REQUEST/comments"
fi
call "$@" --header 'Content-Type: application/json' --data-binary @"$dir/body" > "$dir/answer" || {
	cat "$dir/answer" >&2
	exit 1
}
jq -r .html_url "$dir/answer"
