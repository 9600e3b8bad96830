#!/usr/bin/env bash
# Thousands of queries where the system is short of something: of descriptors (`ulimit -n 256`, the hard limit too) and of
# processes (a cgroup with a limit of 64). Every query has to end well, with fewer at once and a note. And on a results disk
# of 1 MiB, where the run has to end with exit code 4 and lose no row, and the next one, with more room, to have them all.
# Raw results go to benches/runs/DATE-HOST/.
#
#   benches/limits.sh [QUERIES]
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v python3 >/dev/null; then
    echo "python3 is needed: it writes the raw results" >&2
    exit 1
fi
cargo build --release --locked
exec python3 benches/limits.py "${1:-5000}"
