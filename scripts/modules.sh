#!/usr/bin/env bash
# modules.sh standalone   each module of go.work builds and vets alone, in a copy of the tree
# modules.sh tidy         go mod tidy for each module, then go work sync
#
# Our modules require one another at a version that is not published yet, which only go.work can resolve; a
# replace in a go.mod would make "go install …@version" refuse. Both jobs therefore lend a go.mod its replaces:
# standalone in a copy, tidy for the duration of one command.
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}
root=github.com/drydock-dev/drydock

dirs() { $GO work edit -json | sed -n 's/.*"DiskPath": "\(.*\)".*/\1/p'; }

# lend TREE MODULE…: gives the go.mod of the current folder a replace for each of our modules
lend() {
	local tree=$1 dir
	for dir in $modules; do
		[ "$dir" = . ] || $GO mod edit -replace "$root/${dir#./}=$tree/${dir#./}"
	done
}

take_back() {
	local dir
	for dir in $modules; do
		[ "$dir" = . ] || $GO mod edit -dropreplace "$root/${dir#./}"
	done
}

standalone() {
	local copy dir
	copy=$(mktemp -d)
	# shellcheck disable=SC2064 # the name is fixed here
	trap "rm -rf '$copy'" EXIT
	git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' f; do
		if [ -e "$f" ]; then printf '%s\0' "$f"; fi
	done | tar --null -cf - -T - | tar -xf - -C "$copy"
	for dir in $modules; do
		echo "standalone $dir"
		(cd "$copy/$dir" && lend "$copy" && $GO build -buildvcs=false ./... && $GO vet ./...)
	done
}

tidy() {
	local tree=$PWD dir failed=
	for dir in $modules; do
		echo "tidy $dir"
		(cd "$dir" && lend "$tree" && $GO mod tidy) || failed=$dir
		(cd "$dir" && take_back)
		[ -z "$failed" ] || { echo "tidy $failed failed" >&2 && exit 1; }
	done
	GOWORK="" $GO work sync
}

modules=$(dirs)
export GOWORK=off
case ${1:-} in
standalone | tidy) "$1" ;;
*) echo "usage: $0 standalone|tidy" >&2 && exit 3 ;;
esac
