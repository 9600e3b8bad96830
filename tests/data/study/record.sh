#!/bin/sh
# Records what the real ProVerif prints for each query of config/examples/study: with `-html`, as the example asks for, in
# full, and where that is something else with `reconstructDerivation = false` as a fast pass has it. Needs proverif in PATH.
#
#   tests/data/study/record.sh [PROVISOR]
set -eu
data=$(cd "$(dirname "$0")" && pwd)
provisor=${1:-$data/../../../target/debug/provisor}
study=$data/../../../config/examples/study/study.ron
proverif -help | head -n 1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Whether Graphviz is there is told in the output; a dot that does nothing makes that the same everywhere.
mkdir "$scratch/bin" "$scratch/pages" "$scratch/logs"
printf '#!/bin/sh\nexit 0\n' >"$scratch/bin/dot"
chmod +x "$scratch/bin/dot"
PATH=$scratch/bin:$PATH

# The run is there for its query files, whatever comes of it: 1 says that something was not as expected.
"$provisor" run "$study" -o "$scratch/run" --fresh --no-prune || [ $? -eq 1 ]
cd "$scratch/run/queries"
find . -name '*.pv' | sed 's|^\./||; s|\.pv$||' | LC_ALL=C sort | while read -r name; do
    log=$scratch/logs/$name
    mkdir -p "$(dirname "$log")"
    code=0
    proverif -html "$scratch/pages" "$name.pv" </dev/null >"$log.log" || code=$?
    proverif -html "$scratch/pages" -set reconstructDerivation false "$name.pv" </dev/null >"$log.fast.log" ||
        [ "$code" -eq $? ]
    if cmp -s "$log.log" "$log.fast.log"; then rm "$log.fast.log"; fi
    printf '%s %s %s\n' "$code" "$(cksum <"$name.pv")" "$name" >>"$scratch/logs/index"
done
rm -rf "$data/logs"
mv "$scratch/logs" "$data/logs"
du -sh "$data/logs"
