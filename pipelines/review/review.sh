#!/bin/sh
# review.sh BASE: reviews what the checked-out commit changes against the commit
# BASE, and writes the comment to review/comment.md.
#
# Both are synthesized. With PLAN=yes every stack is planned, for which Terraform
# needs credentials that may read. Of stacks that cannot be planned, such as those
# that read the state of one that is not there yet, configuration is compared
# instead; the log says why. Nothing is locked and nothing is applied.
set -eu

base=$1
rm -rf review
mkdir -p review/plans

git worktree add --force --detach review/tree "$base" >&2
trap 'git worktree remove --force review/tree' EXIT
out=$PWD/review/base
(cd review/tree && go run . -out "$out") >&2
go run . -out cdktf.out >&2 # where local state is found from

# plan STACK: writes review/plans/STACK.json, or fails.
plan() {
	dir=cdktf.out/stacks/$1
	file=$PWD/review/plans/$1
	terraform -chdir="$dir" init -input=false -no-color >&2 || return 1
	terraform -chdir="$dir" plan -input=false -no-color -lock=false -out="$file.bin" >&2 || return 1
	terraform -chdir="$dir" show -json "$file.bin" > "$file.json"
}

for dir in cdktf.out/stacks/*/; do
	stack=$(basename "$dir")
	if [ "${PLAN:-no}" = yes ] && ! plan "$stack"; then
		echo "$stack is not planned" >&2
		rm -f "review/plans/$stack.json"
	fi
done
rm -f review/plans/*.bin

set -- review/plans/*.json
[ -e "$1" ] || set --
tandem review --format markdown --output review/comment.md --synth -- review/base cdktf.out "$@"
