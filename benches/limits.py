"""See limits.sh."""
import csv
import os
import subprocess
import sys
import tempfile
import time

from machine import PROVISOR, keep

SLOTS = 500
SPEC = """Job(name: "short", slots: {slots}, logs: Drop, matrix: {{"n": 1..={queries}}}, id: "q{{{{ n }}}}",
    command: ["sleep", "0.1"])
"""


def pids_group(limit):
    """A cgroup with a limit on processes, by whichever version of the controller can be written to."""
    for mount in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
        # A folder that is no cgroup limits nobody.
        if not os.path.exists(f"{mount}/cgroup.procs"):
            continue
        group = f"{mount}/limits-{os.getpid()}"
        try:
            os.mkdir(group)
            with open(f"{group}/pids.max", "w") as file:
                file.write(str(limit))
            return group
        except OSError:
            if os.path.isdir(group):
                os.rmdir(group)
    return None


def run(name, before, queries):
    """The run under what the shell sets before it: its row."""
    with tempfile.TemporaryDirectory() as scratch:
        with open(os.path.join(scratch, "spec.ron"), "w") as file:
            file.write(SPEC.format(slots=SLOTS, queries=queries))
        command = ["sh", "-c", f'{before}; exec "$0" run spec.ron -o out --progress plain', PROVISOR]
        start = time.monotonic()
        done = subprocess.run(command, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        wall = time.monotonic() - start
        with open(os.path.join(scratch, "out/results.csv"), newline="") as file:
            rows = list(csv.DictReader(file))
    well = sum(row["cause"] == "exited" and row["verdict"] == "ok" for row in rows)
    # Not the lines of progress: what is said once or now and then.
    notes = [line for line in done.stderr.splitlines() if "fewer" in line or "at a time" in line]
    print(f"{name:40} exit code {done.returncode}, {well} of {queries} ended well in {wall:.1f} s")
    for note in notes[:3]:
        print(f"    {note}")
    return [name, queries, SLOTS, done.returncode, well, len(rows), f"{wall:.2f}", "; ".join(notes[:3])]


DISK_SPEC = """Job(name: "short", logs: Drop, matrix: {{"n": 1..={queries}}}, id: "q{{{{ n }}}}", command: ["true"])
"""
# In a mount namespace of its own: a run on a disk of a MiB, interrupted when it says that there is no room; then one with
# more. What each exits with, and the rows in its database, go to files.
DISK = r"""set -e
mkdir out
mount -t tmpfs -o size=1m disk out
"$0" run spec.ron -o out -q 2>full.err & pid=$!
until grep -q 'nothing new starts' full.err; do kill -0 $pid; sleep 0.05; done
kill -INT $pid
code=0; wait $pid || code=$?; echo $code >full.code
"$0" results out --format csv >full.csv
mount -o remount,size=64m out
code=0; "$0" run spec.ron -o out -q 2>room.err || code=$?; echo $code >room.code
"$0" results out --format csv >room.csv
"""


def run_on_a_disk_of_a_mib(queries):
    """The row of that, or none where no disk may be mounted."""
    with tempfile.TemporaryDirectory() as scratch:
        with open(os.path.join(scratch, "spec.ron"), "w") as file:
            file.write(DISK_SPEC.format(queries=queries))
        start = time.monotonic()
        unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-c", DISK, PROVISOR]
        done = subprocess.run(unshare, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        wall = time.monotonic() - start
        if done.returncode != 0:
            print(f"skipped: a results disk of 1 MiB: {done.stderr.strip()}")
            return None

        def said(name):
            with open(os.path.join(scratch, f"{name}.code")) as file:
                code = int(file.read())
            with open(os.path.join(scratch, f"{name}.csv"), newline="") as file:
                rows = [row["query"] for row in csv.DictReader(file)]
            if len(rows) != len(set(rows)):
                sys.exit("a query has two rows")
            return code, len(rows)

        (full_code, full_rows), (room_code, room_rows) = said("full"), said("room")
    print(f"{'a results disk of 1 MiB':40} exit code {full_code}, {full_rows} rows; with more room {room_code}, {room_rows} of {queries}")
    return [queries, full_code, full_rows, room_code, room_rows, f"{wall:.2f}"]


def main():
    queries = int(sys.argv[1])
    rows = [run("ulimit -n 256", "ulimit -n 256", queries)]
    group = pids_group(64)
    if group:
        rows.append(run("a limit of 64 processes", f"echo $$ > {group}/cgroup.procs", queries))
        os.rmdir(group)
    else:
        print("skipped: a limit of 64 processes: there is no cgroup with the controller `pids` that can be written to")
    print(keep("limits", ["limit", "queries", "slots", "exit_code", "well", "rows", "wall_s", "notes"], rows))
    disk = run_on_a_disk_of_a_mib(queries)
    if disk:
        print(keep("disk", ["queries", "full_exit_code", "full_rows", "room_exit_code", "room_rows", "wall_s"], [disk]))
        if disk[1] != 4 or disk[3] != 0 or disk[4] != queries:
            sys.exit("not every row was kept")
    if any(row[3] != 0 or row[4] != queries or row[5] != queries for row in rows):
        sys.exit("not every query ended well")


main()
