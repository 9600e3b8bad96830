"""See figures.sh."""
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from machine import PROVISOR, cpu_s, guardian_of, keep

ROWS = []

# Prints when it says the stopping line, and when the signal arrives.
TALKER = """
import os, signal, time
term = [signal.SIGTERM]
signal.pthread_sigmask(signal.SIG_BLOCK, term)  # else it might come just before the wait for it
time.sleep(0.05)
os.write(1, b"stop %d\\n" % time.monotonic_ns())
signal.sigwait(term)
os.write(1, b"got %d\\n" % time.monotonic_ns())
"""


def figure(name, value, unit, target, n):
    ROWS.append([name, f"{value:.4g}", unit, target, n])
    print(f"{name:58} {value:10.4g} {unit:6} (target {target}, n = {n})")


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(p / 100 * len(values)))]


def start(scratch, name, spec, *options):
    path = os.path.join(scratch, f"{name}.ron")
    with open(path, "w") as file:
        file.write(spec)
    out = os.path.join(scratch, name)
    command = [PROVISOR, "run", path, "--fresh", "-q", "-o", out, *options]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL), out


def run(scratch, name, spec):
    process, out = start(scratch, name, spec)
    process.wait()
    return out


def table(out, name):
    with open(os.path.join(out, name), newline="") as file:
        return list(csv.DictReader(file))


def stopping(scratch):
    talker = os.path.join(scratch, "talker.py")
    with open(talker, "w") as file:
        file.write(TALKER)
    n = 200
    out = run(scratch, "stopping", f'Job(name: "stopping", slots: 1, matrix: {{"n": 1..={n}}}, id: "q{{{{ n }}}}", '
              f'command: ["{sys.executable}", "{talker}"], rules: [(on: Prefix("stop "), verdict: "seen", stop: true)])')
    latencies = []
    for row in table(out, "results.csv"):
        with open(os.path.join(out, row["log"])) as file:
            times = dict(line.split() for line in file)
        latencies.append((int(times["got"]) - int(times["stop"])) / 1e6)
    figure("stopping line to the signal's arrival in the child, p50", percentile(latencies, 50), "ms", "", len(latencies))
    figure("stopping line to the signal's arrival in the child, p99", percentile(latencies, 99), "ms", "< 2", len(latencies))
    out = run(scratch, "dying", f'Job(name: "dying", slots: 1, matrix: {{"n": 1..={n}}}, id: "q{{{{ n }}}}", '
              'command: ["sh", "-c", "echo stop; exec sleep 100"], rules: [(on: Prefix("stop"), verdict: "seen", stop: true)])')
    said = {row["query"]: float(row["at_s"]) for row in table(out, "verdicts.csv")}
    dead = [(float(row["wall_s"]) - said[row["query"]]) * 1e3 for row in table(out, "results.csv")]
    figure("stopping line to a small child's death, p99", percentile(dead, 99), "ms", "< 20", len(dead))


def limits(scratch):
    n = 100
    out = run(scratch, "limits", f'Job(name: "limits", slots: 10, matrix: {{"n": 1..={n}}}, id: "q{{{{ n }}}}", '
              'command: ["sleep", "100"], limits: (wall: "300ms"))')
    late = [(float(row["wall_s"]) - 0.3) * 1e3 for row in table(out, "results.csv")]
    figure("lateness of a wall limit of 300 ms, dead children, p99", percentile(late, 99), "ms", "< 50", len(late))


def output(scratch):
    piece = os.path.join(scratch, "piece")
    with open("benches/data/chain-secret.log", "rb") as file, open(piece, "wb") as out:
        text = file.read()
        while out.tell() < 100_000_000:
            out.write(text)
    size = os.path.getsize(piece)
    for logs, rounds in (("Keep", 20), ("Drop", 40)):
        cat = "exec cat " + " ".join([piece] * rounds)
        os.sync()  # what was written before is not to be written back now
        begin = time.perf_counter()
        process, out = start(scratch, f"output-{logs}", 'Job(name: "output", slots: 1, preset: "proverif", '
                             f'commands: [(id: "q", run: ["sh", "-c", "{cat}"], logs: {logs})])')
        cpu, peak = 0.0, 0
        while process.poll() is None:
            cpu, peak = max(cpu, cpu_s(process.pid)), max(peak, memory_kib(process.pid, "VmHWM"))
            time.sleep(0.01)
        wall = time.perf_counter() - begin
        # A virtual machine may be slow to give memory that nobody had yet: the next round has this one's.
        shutil.rmtree(out)
        gigabytes = size * rounds / 1e9
        figure(f"output through log and rules, logs: {logs}", gigabytes / wall, "GB/s", ">= 0.8", 1)
        figure(f"CPU of provisor for it, logs: {logs}", cpu / gigabytes, "s/GB", "", 1)
        figure(f"peak memory of provisor meanwhile, logs: {logs}", peak / 1024, "MiB", "flat", 1)


def memory_kib(pid, field):
    try:
        with open(f"/proc/{pid}/status") as file:
            return int(re.search(rf"{field}:\s+(\d+)", file.read()).group(1))
    except (OSError, AttributeError):
        return 0


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"Pss:\s+(\d+)", file.read()).group(1))


def guardian_with(provisor, n):
    """The guardian with so many children. At the start it may still be the process that another one follows."""
    while True:
        try:
            guardian = guardian_of(provisor)
            with open(f"/proc/{guardian}/task/{guardian}/children") as file:
                if len(file.read().split()) >= n:
                    return guardian
        except FileNotFoundError:
            pass
        time.sleep(0.05)


def memory(scratch):
    n = 378
    process, _ = start(scratch, "memory", f'Job(name: "memory", slots: {n}, matrix: {{"n": 1..={n}}}, id: "q{{{{ n }}}}", '
                       'command: ["sh", "-c", "echo working; exec sleep 1000"], preset: "proverif")')
    guardian = guardian_with(process.pid, n)
    figure(f"PSS of provisor and its guardian with {n} children", (pss_kib(process.pid) + pss_kib(guardian)) / 1024, "MiB", "< 20", 1)
    process.terminate()
    process.wait()
    process, _ = start(scratch, "queue", 'Job(name: "queue", slots: 1, matrix: {"a": 1..=100, "b": 1..=1000}, '
                       'command: ["sleep", "1000", "{{ a }}", "{{ b }}"])')
    guardian = guardian_with(process.pid, 1)
    figure("PSS with 100,000 queries planned and queued", (pss_kib(process.pid) + pss_kib(guardian)) / 1024, "MiB", "< 100", 1)
    figure("peak memory on the way there", memory_kib(process.pid, "VmHWM") / 1024, "MiB", "< 100", 1)
    process.terminate()
    process.wait()


def main():
    with tempfile.TemporaryDirectory() as scratch:
        # Output thrice: it varies with what the disk has to write back.
        for measure in (stopping, limits, memory, output, output, output):
            measure(scratch)
    print(keep("figures", ["figure", "value", "unit", "target", "n"], ROWS))


main()
