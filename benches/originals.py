"""See originals.sh: what provisor replaces, beside it, in interleaved rounds."""
import contextlib
import csv
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from machine import PROVISOR, keep

# An example, built beside the program.
LARGE_ITEMS = os.path.join(os.path.dirname(PROVISOR), "examples", "large_items")

ROUNDS = int(sys.argv[1])
ORIGINALS = os.path.abspath(os.environ.get("ORIGINALS", "../shared/originals"))

# How many there are of a batch, and how long one of them takes at so many slots.
QUERIES = 378
SECONDS = {16: 0.5, 378: 10}

# One of a batch that answers, and then does not end by itself for a long time. `exec` leaves no shell on either side.
LIMIT_S = 5
ANSWERS = "echo RESULT attacker is false.; exec sleep 30.125"

# The same pool, whose results are awaited for so long; then it is ended, as its documentation says.
LIMITED = """
import multiprocessing, os, sys
if __name__ == "__main__":
    count, slots, limit = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    pool = multiprocessing.Pool(slots)
    done = []
    asked = [pool.apply_async(os.system, (sys.argv[4],), callback=done.append) for _ in range(count)]
    try:
        for one in asked:
            one.get(timeout=limit)
    except multiprocessing.TimeoutError:
        pool.terminate()
        pool.join()
    print(len(done))
"""

ROWS = []


def note(what, who, number, queries, slots, figure, value):
    ROWS.append([what, who, number, queries, slots, figure, value])
    print(f"{what:8} {who:10} round {number}: {slots:4} slots, {figure}: {value}", flush=True)


def original(name):
    """The path of a script that is replaced; none where it is not at hand."""
    path = os.path.join(ORIGINALS, f"{name}.py")
    return path if os.path.exists(path) else None


def tree(pid):
    """This process and all that descends from it, but for those that have ended."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    todo += map(int, file.read().split())
        except OSError:
            pass
    return found


def program(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return None  # a zombie


def pss_kib(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return int(re.search(r"Pss:\s+(\d+)", file.read())[1])
    except (OSError, TypeError):
        return 0


def start(command, scratch):
    return subprocess.Popen(command, cwd=scratch, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True)


def spec(scratch, name, text):
    path = os.path.join(scratch, f"{name}.ron")
    with open(path, "w") as file:
        file.write(text)
    return path


def peaks(command, scratch):
    """The most processes beside the programs that are asked for, and the most memory of those in KiB."""
    process, processes, memory, before = start(command, scratch), 0, 0, set()
    while process.poll() is None:
        beside = {pid for pid in tree(process.pid) if program(pid) not in (None, "sleep", "snmpget")}
        # Who is about to become one of them still looks like its parent, but not twice.
        lasting = beside & before
        processes, memory = max(processes, len(lasting)), max(memory, sum(map(pss_kib, lasting)))
        before = beside
        time.sleep(0.1)
    if process.returncode not in (0, 1):
        sys.exit(f"{command} failed")
    return processes, memory


def batch(scratch, number):
    """So many commands: what there is beside them."""
    for slots, seconds in SECONDS.items():
        job = spec(scratch, "batch", f'Job(name: "batch", slots: {slots}, matrix: {{"n": 1..={QUERIES}}}, id: "q{{{{ n }}}}", '
                   f'command: ["sleep", "{seconds}"])')
        sides = {"provisor": [PROVISOR, "run", job, "--fresh", "-q", "-o", f"batch-{number}-{slots}"]}
        if script := original("proverif_pool"):
            sides["pool"] = [sys.executable, script, str(QUERIES), str(slots), f"sleep {seconds}", f"times-{number}-{slots}"]
        for who, command in sides.items():
            processes, memory = peaks(command, scratch)
            note("batch", who, number, QUERIES, slots, "processes", processes)
            note("batch", who, number, QUERIES, slots, "pss_kib", memory)


def sleepers():
    """How many of the commands of `limited` are alive, whoever their parent is by now."""
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                found += file.read() == "sleep\x0030.125\x00"
        except OSError:
            pass
    return found


def limited(scratch, number):
    """A limit on a batch: when it is over, what is left at work then and for how long, and what is known."""
    slots = 16
    job = spec(scratch, "limited", f'Job(name: "limited", slots: {slots}, preset: "proverif", limits: (total: "{LIMIT_S}s"), '
               f'matrix: {{"n": 1..={QUERIES}}}, id: "q{{{{ n }}}}", command: ["sh", "-c", "{ANSWERS}"])')
    script = os.path.join(scratch, "limited.py")
    with open(script, "w") as file:
        file.write(LIMITED)
    out = os.path.join(scratch, f"limited-{number}")
    sides = {
        "provisor": [PROVISOR, "run", job, "--fresh", "-q", "-o", out],
        "pool": [sys.executable, script, str(QUERIES), str(slots), str(LIMIT_S), ANSWERS],
    }
    for who, command in sides.items():
        begin = time.monotonic()
        process = start(command, scratch)
        process.wait()
        over, left = time.monotonic() - begin, sleepers()
        while sleepers():
            time.sleep(0.05)
        gone = time.monotonic() - begin
        if who == "provisor":
            with open(os.path.join(out, "verdicts.csv"), newline="") as file:
                known = len(list(csv.DictReader(file)))
        else:
            known = int(process.stdout.read().split()[-1])
        for figure, value in (("over_s", f"{over:.3f}"), ("left", left), ("gone_s", f"{gone:.3f}"), ("known", known)):
            note("limited", who, number, QUERIES, slots, figure, value)


# So many hosts, of which each tenth is dead, at the addresses of so many daemons.
HOSTS, DAEMONS = 500, 5
SNMPD = shutil.which("snmpd") or "/usr/sbin/snmpd"


def silent_port():
    """Somebody who is there and never answers, and where."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


def await_word(log, word, process):
    while process.poll() is None:
        with open(log) as file:
            if word in file.read():
                return
        time.sleep(0.01)
    sys.exit(f"{process.args[0]} has ended: {log}")


@contextlib.contextmanager
def hosts(scratch):
    """The hosts, as long as this is open. All have addresses of their own on this machine."""
    address = lambda host: f"127.0.{1 + host % DAEMONS}.{1 + host // DAEMONS}"
    is_dead = lambda host: host % 10 == host // 10 % 10
    dead, silent = silent_port()
    ports, daemons = [], []
    try:
        for n in range(DAEMONS):
            free, port = silent_port()
            free.close()
            here = ",".join(f"udp:{address(host)}:{port}" for host in range(n, HOSTS, DAEMONS) if not is_dead(host))
            command = [SNMPD, "-f", "-Lo", "-C", "-I", "-smux,agentx", "--rocommunity=public", here]
            around = {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": os.path.join(scratch, f"snmpd-{n}")}
            log = os.path.join(scratch, f"snmpd-{n}.log")
            with open(log, "w") as file:
                daemons.append(subprocess.Popen(command, env=around, stdout=file, stderr=subprocess.DEVNULL))
            await_word(log, "NET-SNMP version", daemons[-1])
            ports.append(port)
        yield [f"{address(host)}:{silent if is_dead(host) else ports[host % DAEMONS]}" for host in range(HOSTS)]
    finally:
        dead.close()
        for daemon in daemons:
            daemon.kill()
            daemon.wait()


def poll(scratch, number):
    """Hosts by snmpget with its own timeout, six tries of a second: how many have answered, and when that was over."""
    if not (shutil.which("snmpget") and os.path.exists(SNMPD)):
        print("skipped: the poll: there is no snmpd or no snmpget", file=sys.stderr)
        return
    with hosts(scratch) as listed:
        with open(os.path.join(scratch, "hosts"), "w") as file:
            file.writelines(f"{host}\n" for host in listed)
        job = spec(scratch, "poll", 'Job(name: "poll", slots: 128, matrix: {"host": Lines("hosts")}, reuse: Never, '
                   'command: ["snmpget", "-v2c", "-c", "public", "{{ host }}", "1.3.6.1.2.1.1.1.0"], '
                   'rules: [(on: Contains(" = STRING: "), verdict: "ok")])')
        sides = {"provisor": [PROVISOR, "run", job, "-q", "-o", f"poll-{number}"]}
        if script := original("snmp_hosts"):
            sides["pool"] = [sys.executable, script, *listed]
        for who, command in sides.items():
            begin = time.monotonic()
            done = subprocess.run(command, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            wall = time.monotonic() - begin
            if who == "provisor":
                with open(os.path.join(scratch, f"poll-{number}", "results.csv"), newline="") as file:
                    answered = sum(row["verdict"] == "ok" for row in csv.DictReader(file))
            else:
                answered = done.stdout.count(" = STRING: ")
            processes, memory = peaks(command, scratch)
            for figure, value in (("processes", processes), ("pss_kib", memory), ("answered", answered), ("wall_s", f"{wall:.3f}")):
                note("poll", who, number, HOSTS, 128, figure, value)


WAYS = {1: "pool, plain lock", 2: "pool, manager", 3: "processes, plain lock", 4: "processes, manager"}


def in_turn(scratch, number):
    """Ten jobs that print and return a value, three at a time: whether all values come back in order, and when."""
    job = spec(scratch, "turn", 'Job(name: "turn", slots: 3, matrix: {"n": 0..=9}, id: "job/{{ n }}", command: ["sh", "-c", '
               '"for word in I was here; do echo $word; done; echo by run $0", "{{ n }}"], '
               'rules: [(on: Regex("^by run (\\\\d+)$"), verdict: "ok", value: Group(1))])')
    out = os.path.join(scratch, f"turn-{number}")
    sides = {"provisor": [PROVISOR, "run", job, "--fresh", "-q", "-o", out, "--print", "grouped"]}
    if script := original("lock_and_queue"):
        sides.update((way, [sys.executable, script, str(n)]) for n, way in WAYS.items())
    for who, command in sides.items():
        begin = time.monotonic()
        done = subprocess.run(command, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        wall = time.monotonic() - begin
        if who == "provisor":
            told = subprocess.run([PROVISOR, "results", out, "--format", "csv"], capture_output=True, text=True).stdout
            word = "in order" if [row["value"] for row in csv.DictReader(told.splitlines())] == [*"0123456789"] else "lost"
        else:
            word = "failed" if done.returncode else re.search(r"^(in|out of) order", done.stdout, re.MULTILINE)[0]
        note("in turn", who, number, 10, 3, "values", word)
        note("in turn", who, number, 10, 3, "wall_s", f"{wall:.3f}")


def large(rounds):
    """Eight items of ten megabytes into four workers, so many times: how often all came through, and when that was over."""
    numbers = [str(rounds), "8", "10000000", "4"]
    sides = {"provisor": [LARGE_ITEMS, *numbers]}
    if script := original("large_items"):
        sides["queue"] = [sys.executable, script, *numbers]
    for who, command in sides.items():
        begin, process = time.monotonic(), subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        # The script is both kinds of worker, one after the other.
        for line in process.stdout:
            words, drained, of = re.match(r"(?:(\w+) )?(\d+) of (\d+)", line).groups()
            note("large", words or who, 0, of, 4, "drained", drained)
            note("large", words or who, 0, of, 4, "wall_s", f"{time.monotonic() - begin:.3f}")
            begin = time.monotonic()
        process.wait()


EACH_ROUND = {"batch": batch, "limited": limited, "in-turn": in_turn, "poll": poll}
PARTS = sys.argv[2:] or [*EACH_ROUND, "large"]


def main():
    if not os.path.isdir(ORIGINALS):
        print(f"skipped: the scripts that are replaced: there is no {ORIGINALS}; ORIGINALS names another folder", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(ROUNDS):
            for name, measure in EACH_ROUND.items():
                if name in PARTS:
                    measure(scratch, number)
    for rounds in (20, 100):
        if "large" in PARTS:
            large(rounds)
    print(keep("originals", ["what", "who", "round", "queries", "slots", "figure", "value"], ROWS))


main()
