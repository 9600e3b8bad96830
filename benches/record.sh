#!/usr/bin/env bash
# Every bench, one after the other and unattended: about twenty minutes on an idle machine with the builds. Raw results go to
# benches/runs/DATE-MACHINE/, or to the folder that is given; `benches/table.py FOLDER` then writes the README's figures
# from them. What varied, and what else was at work on the machine, is to be written into the folder's README.md.
#
#   benches/record.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v python3 >/dev/null; then
    echo "python3 is needed: it writes the raw results" >&2
    exit 1
fi
BENCHES_RUN=${1:-benches/runs/$(date +%F)-$(uname -n)}
PROVISOR=${PROVISOR:-${CARGO_TARGET_DIR:-target}/release/provisor}
export BENCHES_RUN PROVISOR
if compgen -G "$BENCHES_RUN/*.csv" >/dev/null; then
    echo "$BENCHES_RUN holds results already: name another folder" >&2
    exit 1
fi

# Built first, so that no build shares the machine with a measurement.
cargo build --release --locked
cargo build --release --locked --package provisor --example large_items
cargo bench --package provisor --locked --no-run
python3 benches/machine.py

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# `embed` has a script of its own, below.
CRITERION_HOME=$scratch cargo bench --package provisor --locked \
    --bench lines --bench replay --bench actors --bench spawn --bench order -- --noplot
python3 benches/criterion.py "$scratch"
benches/embed.sh
benches/peers.sh 3000 "$(nproc)" 5
benches/figures.sh
if [ -x benches/display.sh ]; then benches/display.sh; fi
benches/limits.sh
benches/originals.sh
benches/survivors.sh || echo "without the table of survivors" >&2
printf 'raw results: %s\nnow: benches/table.py %s\n' "$BENCHES_RUN" "$BENCHES_RUN"
