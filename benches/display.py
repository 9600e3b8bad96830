"""See display.sh."""
import fcntl
import glob
import os
import pty
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time

from machine import PROVISOR, keep

ROWS = []


def drain(terminal, told):
    try:
        while True:
            told[0] += len(os.read(terminal, 65536))
    except OSError:
        pass


def sample(pid, threads):
    """CPU seconds of each thread so far, by its id: those that have ended keep what they had."""
    for path in glob.glob(f"/proc/{pid}/task/*"):
        try:
            with open(f"{path}/comm") as comm, open(f"{path}/schedstat") as stat:
                threads[path] = (comm.read().strip(), int(stat.read().split()[0]) / 1e9)
        except OSError:
            pass


def run(scratch, name, spec, progress):
    """Wall seconds, CPU seconds of provisor without its children, those of its screen's thread, and bytes drawn."""
    path = os.path.join(scratch, "display.ron")
    with open(path, "w") as file:
        file.write(spec)
    begin = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        command = [PROVISOR, "run", path, "--fresh", "--progress", progress, "-o", os.path.join(scratch, name.replace("/", "-"))]
        os.execv(command[0], command)
    told, threads = [0], {}
    reader = threading.Thread(target=drain, args=(terminal, told))
    reader.start()
    ended = (0, 0)
    while ended[0] == 0:
        sample(pid, threads)
        time.sleep(0.01)
        ended = os.waitpid(pid, os.WNOHANG)
    wall = time.monotonic() - begin
    reader.join()
    os.close(terminal)
    if os.waitstatus_to_exitcode(ended[1]) not in (0, 1):
        sys.exit(f"provisor run {path} failed")
    cpu = sum(seconds for _, seconds in threads.values())
    screen = sum(seconds for name, seconds in threads.values() if name == "provisor-screen")
    return wall, cpu, screen, told[0]


def compare(scratch, name, spec, rounds):
    shares, screens = [], []
    for n in range(rounds):
        cost = {}
        for progress in ("bar", "none") if n % 2 else ("none", "bar"):
            cost[progress] = wall, cpu, screen, drawn = run(scratch, name, spec, progress)
            ROWS.append([name, n, progress, f"{wall:.3f}", f"{cpu:.4f}", f"{screen:.4f}", drawn])
        shares.append(100 * (cost["bar"][1] / cost["bar"][0] - cost["none"][1] / cost["none"][0]))
        screens.append(100 * cost["bar"][2] / cost["bar"][0])
    print(f"{name:40} bar less none: median {statistics.median(shares):6.2f} % of a core "
          f"(from {min(shares):.2f} to {max(shares):.2f}); its thread alone: {statistics.median(screens):.2f} % (target <= 2)")


def main():
    queries, rounds = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as scratch:
        for program in ("/bin/true", "/bin/false"):
            compare(scratch, f"{queries} x {program}", f'Job(name: "short", matrix: {{"n": 1..={queries}}}, '
                    f'id: "q{{{{ n }}}}", command: ["{program}"])', rounds)
        compare(scratch, "400 that print and fail, all at once", 'Job(name: "print", slots: 400, matrix: {"n": 1..=400}, '
                'id: "q{{ n }}", command: ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do echo line $i of {{ n }}; sleep 1; '
                'done; exit 1"])', max(1, rounds // 3))
    print(keep("display", ["what", "round", "progress", "wall_s", "cpu_s", "screen_cpu_s", "bytes_drawn"], ROWS))


main()
