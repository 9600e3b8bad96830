#!/usr/bin/env bash
# tests/fuzz/run.sh OPTION [TARGET...]: fuzzes each target, or all of them, for as long as this option of libFuzzer says:
# -runs=20000 or -max_total_time=300. Needs cargo-fuzz and a C++ compiler. What it learns is kept in tests/fuzz/target; what it
# finds is left in tests/fuzz/artifacts/TARGET, to be moved to tests/fuzz/regressions/TARGET when it is mended.
set -euo pipefail
cd "$(dirname "$0")"
option=${1:?"-runs=NUMBER or -max_total_time=SECONDS"}
shift
all=(model proverif record rules spec split text wire)
[ "$#" -gt 0 ] || set -- "${all[@]}"

# With nightly under the address sanitizer; without it as it is, which stable can do and finds all that panics.
fuzz=(cargo fuzz run --fuzz-dir .)
sanitizer=(-s none)
if cargo +nightly --version >/dev/null 2>&1; then
    fuzz=(cargo +nightly fuzz run --fuzz-dir .)
    sanitizer=(-s address)
fi

for target in "$@"; do
    learnt=target/learnt/$target
    mkdir -p "$learnt"
    folders=("$learnt" "corpus/$target")
    case $target in
        spec) folders+=(../../config/examples ../../config/presets) ;;
        model | split) folders+=(../../config/examples/models) ;;
        proverif) folders+=(../../actors/core/tests/logs) ;;
        record) folders+=(../../benches/data) ;;
    esac
    if [ -d "regressions/$target" ]; then folders+=("regressions/$target"); fi
    options=("$option" -max_len=4096 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1)
    if [ -e "dictionaries/$target.dict" ]; then options+=(-dict="dictionaries/$target.dict"); fi
    "${fuzz[@]}" "${sanitizer[@]}" "$target" "${folders[@]}" -- "${options[@]}" ${FUZZ_OPTIONS:-}
done
