#!/usr/bin/env bash
# Writes every generated file, or with -check compares and fails on a difference.
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}
check=${1:-}

$GO run ./pkg/events/generate ${check:+-check}
$GO run ./pkg/application/generate ${check:+-check}

# docs/cli.md is printed by the commands themselves.
doc=$(mktemp)
trap 'rm -f "$doc"' EXIT
$GO run ./cmd/drydock __docs >"$doc"
if [ -z "$check" ]; then
	cp "$doc" docs/cli.md
elif ! diff -u docs/cli.md "$doc"; then
	echo "docs/cli.md is not what the commands print: run make generate" >&2
	exit 1
fi
