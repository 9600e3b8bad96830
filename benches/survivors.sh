#!/usr/bin/env bash
# What is left of a tree of processes when whoever started it is interrupted, killed or out of time: provisor at each
# level of containment, GNU parallel, xargs with timeout, cargo-nextest. Each cell is a run of its own in a PID namespace
# with a limit on processes. Raw results go to benches/runs/DATE-HOST/; `benches/table.py` writes the README's table.
#
#   benches/survivors.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in xargs parallel cargo-nextest; do
    command -v "$tool" >/dev/null || echo "without $tool: it is not installed" >&2
done
if ! unshare --pid --fork --mount-proc true 2>/dev/null; then
    echo "skipped: this table is made in PID namespaces, which this user may not make" >&2
    exit 1
fi
cargo build --release --locked
exec python3 benches/survivors.py "${1:-3}"
