#!/usr/bin/env bash
# Runs the benchmarks of all modules one package at a time (a neighbour would disturb the ratios) and keeps the
# output in out/bench.txt. What the figures mean: docs/performance.md.
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}
mkdir -p out
[ -x bin/drydock-osv-scanner ] || echo "bin/drydock-osv-scanner is not built (make osv-scanner): its baselines are skipped" >&2
export DRYDOCK_OSV_SCANNER=${DRYDOCK_OSV_SCANNER:-$PWD/bin/drydock-osv-scanner}
$GO test -run '^$' -bench "${BENCH:-.}" -p 1 -timeout 60m work | grep -v 'no test files' | tee out/bench.txt
