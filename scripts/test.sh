#!/usr/bin/env bash
# Runs the tests of all modules, or of the packages named as arguments. Prints go test's own lines as they come
# and, last, one line with the counts.
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}

race=()
read -r cc _ <<<"$($GO env CC)"
if command -v "$cc" >/dev/null; then
	race=(-race)
	export GORACE=${GORACE:-atexit_sleep_ms=0} # else each of thousands of processes waits a second at its end
	export CGO_ENABLED=1
else
	echo "no C compiler ($cc): the race detector is off" >&2
fi

# Properties are held against the same draws in every run, so that what fails was changed; 0 has others drawn.
export RAPID_SEED=${RAPID_SEED:-1}

[ $# -gt 0 ] || set -- work
mkdir -p .cache
$GO build -o .cache/testsum ./scripts/testsum
# go test's exit code is repeated in the stream; testsum fails for a failed test, package or build, and
# pipefail for what never reached the stream.
$GO test -json "${race[@]}" -timeout "${TIMEOUT:-25m}" "$@" | .cache/testsum
