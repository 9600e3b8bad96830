"""Rounds of the same work by provisor and its peers; see peers.sh. Prints medians and ratios, keeps every figure."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from machine import PROVISOR, cpu_s, guardian_of, keep

QUERIES, SLOTS, ROUNDS = (int(argument) for argument in sys.argv[1:4])


def commands(scratch, number):
    """Each into places of its own: ext4 is slow at making files where others were just removed."""
    spec = os.path.join(scratch, "true.ron")
    with open(spec, "w") as file:
        file.write(f'Job(name: "true", slots: {SLOTS}, matrix: {{"n": 1..={QUERIES}}}, id: "q{{{{ n }}}}", command: ["/bin/true"])')
    numbers = os.path.join(scratch, "numbers")
    with open(numbers, "w") as file:
        file.writelines(f"{n}\n" for n in range(QUERIES))
    out = lambda name: os.path.join(scratch, f"{name}-{number}")
    table = {
        "provisor": [PROVISOR, "run", spec, "--fresh", "-q", "-o", out("run")],
        "provisor, sweep": [PROVISOR, "run", spec, "--fresh", "-q", "--containment", "sweep", "-o", out("sweep")],
    }
    if shutil.which("xargs"):
        # The number is handed to true as an argument, which it does not look at.
        table["xargs -P"] = ["xargs", "-a", numbers, "-n1", f"-P{SLOTS}", "/bin/true"]
    if shutil.which("parallel"):
        table["GNU parallel"] = [
            "parallel", "--will-cite", f"-j{SLOTS}", "--results", out("results"), "--joblog", out("joblog"),
            "-a", numbers, "/bin/true",
        ]
    table["multiprocessing.Pool"] = [sys.executable, "benches/pool.py", str(QUERIES), str(SLOTS), out("pool.txt"), "/bin/true"]
    return table


def run(command):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wall_s(command):
    begin = time.perf_counter()
    run(command).wait()
    return time.perf_counter() - begin


def own_cpu_s(command):
    """The CPU seconds of provisor and its guardian, without their children, sampled until the end: in a run of its own,
    because sampling costs time."""
    process, own, guardian, watched = run(command), 0.0, 0.0, None
    while process.poll() is None:
        # At the start it may still be the process that another one follows.
        watched = guardian_of(process.pid) or watched
        own = max(own, cpu_s(process.pid))
        guardian = max(guardian, cpu_s(watched) if watched else 0.0)
        time.sleep(0.01)
    return own + guardian


def main():
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(ROUNDS):
            for tool, command in commands(scratch, number).items():
                wall = wall_s(command)
                cpu = f"{own_cpu_s([*command[:-1], f'{scratch}/cpu-{number}']):.3f}" if tool == "provisor" else ""
                rows.append([number, tool, QUERIES, SLOTS, f"{wall:.3f}", cpu])
    keep("peers", ["round", "tool", "queries", "slots", "wall_s", "own_cpu_s"], rows)
    report(rows)


def report(rows):
    walls = {}
    for _, tool, _, _, wall, _ in rows:
        walls.setdefault(tool, []).append(float(wall))
    base = walls.get("xargs -P") or walls["provisor"]
    for tool, times in walls.items():
        # Ratios within one round, then the median: a slow minute of the machine hits all tools of a round.
        ratio = statistics.median(b / t for b, t in zip(base, times))
        print(f"{tool:22} {QUERIES / statistics.median(times):8.0f} queries/s   {ratio:5.2f} of xargs -P")
    cpu = [float(row[5]) for row in rows if row[5]]
    print(f"CPU of provisor and its guardian: {statistics.median(cpu) / QUERIES * 1000:.3f} ms a query")


main()
