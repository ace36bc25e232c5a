#!/usr/bin/env bash
# Runs a developer tool at the version tools/go.mod pins: scripts/tool.sh staticcheck work
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}
name=$1
shift
# The module is outside go.work, so that what the tools need never moves what Drydock builds with.
path=$(GOWORK=off $GO -C tools list -f '{{.ImportPath}}' tool | grep "/$name\$")
GOWORK=off $GO build -C tools -o "../.cache/tools/$name" "$path"
exec ".cache/tools/$name" "$@"
