"""See survivors.sh. One cell, in its namespace: `survivors.py --cell TOOL EVENT FOLDER`."""
import concurrent.futures
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from machine import PROVISOR, guardian_of, keep

LEVELS = ["namespace", "cgroup", "sweep", "group"]
EVENTS = ["timeout", "early stop", "Ctrl-C", "Ctrl-C twice", "SIGTERM", "SIGHUP", "kill -9 of the tool",
          "kill -9 of the guardian", "kill -9 of both"]
# How long what is left may take to go.
AFTER_S = 2
# How long a tool may take to leave after the event.
LEAVES_IN_S = 15

# The parts of the tree by the number of seconds that each sleeps.
PARTS = {
    900001: "plain child",
    900002: "setsid, descriptors closed",
    900003: "setsid, holding the pipe",
    900004: "double fork",
    900005: "ignores TERM",
    900000: "leader",
}
# A shell has what it starts in the background ignore Ctrl-C; these do not.
TREE = """#!/bin/sh
plain="env --default-signal=INT,QUIT"
$plain sleep 900001 &
$plain setsid sleep 900002 <&- >&- 2>&- &
$plain setsid sleep 900003 &
( $plain setsid sleep 900004 </dev/null >/dev/null 2>&1 & )
( trap '' TERM INT HUP; exec sleep 900005 ) &
until [ "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o 'sleep 90000[1-5]' | sort -u | wc -l)" = 5 ]; do sleep 0.05; done
echo found
: > up
exec sleep 900000
"""
SPEC = """Job(name: "tree", slots: 2, limits: (grace: "1s"{wall}), {rules}
    commands: [(id: "tree", run: ["./tree"])])
"""
STOP = 'rules: [(on: Prefix("found"), verdict: "found", stop: true)],'


def set_up(tool, event, folder):
    """Makes what the tool needs, and returns its command line; none where the event means nothing to it."""
    path = os.path.join(folder, "tree")
    with open(path, "w") as file:
        file.write(TREE)
    os.chmod(path, 0o755)
    limited = event == "timeout"
    if tool.startswith("provisor"):
        rules, wall = STOP if event == "early stop" else "", ', wall: "3s"' if limited else ""
        with open(os.path.join(folder, "spec.ron"), "w") as file:
            file.write(SPEC.format(rules=rules, wall=wall))
        level = tool.split()[-1]
        return [PROVISOR, "run", "spec.ron", "-o", "out", "--progress", "plain", "--containment", level]
    if "guardian" in event or "both" in event:
        return None
    if tool == "parallel":
        # Early stop: another job succeeds, and the rest is not needed any more.
        if event == "early stop":
            jobs = ["./tree", "until [ -e up ]; do sleep 0.05; done"]
            return ["parallel", "-j2", "--halt", "now,success=1", ":::", *jobs]
        return ["parallel", "-j2", *(["--timeout", "3"] if limited else []), ":::", "./tree"]
    if event == "early stop":
        return None
    if tool == "xargs + timeout":
        seconds = "3" if limited else "1000"
        return ["sh", "-c", f"echo ./tree | exec xargs -P2 -n1 timeout -k 1 {seconds}"]
    if tool == "nextest":
        return nextest(folder, "3s" if limited else "1000s")
    raise ValueError(tool)


def nextest(folder, period):
    """A crate with one test that is the tree; it was built before, outside of the namespace."""
    crate = os.path.join(folder, "crate")
    shutil.copytree(os.environ["SURVIVORS_CRATE"], crate, symlinks=True)
    os.makedirs(os.path.join(crate, ".config"), exist_ok=True)
    with open(os.path.join(crate, ".config/nextest.toml"), "w") as file:
        file.write(f'[profile.default]\nslow-timeout = {{ period = "{period}", terminate-after = 1, grace-period = "1s" }}\n')
    os.environ["TREE_IN"] = folder
    return ["cargo-nextest", "nextest", "run", "--offline", "--manifest-path", os.path.join(crate, "Cargo.toml"),
            "--target-dir", os.environ["SURVIVORS_TARGET"]]


def build_crate(folder):
    crate = os.path.join(folder, "crate")
    os.makedirs(os.path.join(crate, "src"))
    with open(os.path.join(crate, "Cargo.toml"), "w") as file:
        file.write('[package]\nname = "tree"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n')
    with open(os.path.join(crate, "src/lib.rs"), "w") as file:
        file.write('#[test]\nfn tree() {\n    let folder = std::env::var("TREE_IN").unwrap();\n'
                   '    std::process::Command::new("./tree").current_dir(folder).status().unwrap();\n}\n')
    os.environ["SURVIVORS_CRATE"], os.environ["SURVIVORS_TARGET"] = crate, os.path.join(folder, "target")
    command = ["cargo", "test", "--offline", "--quiet", "--no-run", "--manifest-path", os.path.join(crate, "Cargo.toml"),
               "--target-dir", os.environ["SURVIVORS_TARGET"]]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def alive():
    """The parts of the tree that live in this namespace, once for each."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            with open(f"/proc/{pid}/stat") as file:
                state = file.read().rsplit(") ", 1)[1][0]
        except OSError:
            continue
        if state not in "ZX" and words[0] == b"sleep" and words[1].isdigit() and int(words[1]) in PARTS:
            found.append(PARTS[int(words[1])])
    return sorted(found)


def reap(until):
    """As the first process of the namespace: takes up what is orphaned. True: `until` has come."""
    end = time.monotonic() + LEAVES_IN_S
    while time.monotonic() < end:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        if until():
            return True
        time.sleep(0.02)
    return False


def exists(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(") ", 1)[1][0] not in "ZX"
    except OSError:
        return False


def start(command, folder):
    """The tool at a terminal of its own, as its foreground process. Returns its pid and our end of the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvp(command[0], command)
    os.set_blocking(terminal, False)
    return pid, terminal


def drain(terminal):
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass


def tool_of(tool, shell):
    """Whom a user would kill: of a pipe, xargs itself."""
    if tool != "xargs + timeout":
        return shell
    listing = subprocess.run(["pgrep", "-x", "xargs"], capture_output=True, text=True).stdout.split()
    return int(listing[0]) if listing else shell


def strike(event, tool, shell, terminal):
    pid = tool_of(tool, shell)
    if event in ("timeout", "early stop"):
        return
    if event.startswith("Ctrl-C"):
        os.write(terminal, b"\x03")
        if event.endswith("twice"):
            time.sleep(0.3)
            os.write(terminal, b"\x03")
    elif event == "SIGTERM":
        os.kill(pid, signal.SIGTERM)
    elif event == "SIGHUP":
        os.kill(pid, signal.SIGHUP)
    else:
        guardian = guardian_of(pid)
        # Stopped first, so that neither sees the other die.
        if event.endswith("both"):
            os.kill(pid, signal.SIGSTOP)
        if not event.endswith("tool"):
            os.kill(guardian, signal.SIGKILL)
        if not event.endswith("guardian"):
            os.kill(pid, signal.SIGKILL)


def cell(tool, event, folder):
    command = set_up(tool, event, folder)
    if command is None:
        return None
    shell, terminal = start(command, folder)

    def pump(condition):
        def check():
            drain(terminal)
            return condition()
        return reap(check)

    if not pump(lambda: os.path.exists(os.path.join(folder, "up"))):
        return {"error": "the tree did not come up", "alive": alive()}
    # The tool has heard of it, and the leader has become what it stays.
    pump(lambda: "leader" in alive() or event == "early stop")
    time.sleep(0.3)
    strike(event, tool, shell, terminal)
    left = pump(lambda: not exists(shell))
    time.sleep(AFTER_S)
    # The tree says that it is up when all of its parts are.
    result = {"before": len(PARTS), "survivors": alive(), "tool_left": left}
    result |= provenance(folder)
    if event.endswith("both"):
        result["after_next_start"] = next_start(command, folder)
    return result


def provenance(folder):
    """What provisor itself says of its containment; nothing of another tool."""
    try:
        with open(os.path.join(folder, "out/runs/1/run.json")) as file:
            record = json.load(file)
    except OSError:
        return {}
    return {"containment": record["containment"], "not_guaranteed": record.get("not_guaranteed", "")}


def next_start(command, folder):
    """What is left when the same job was started again and has come to its end."""
    with open(os.path.join(folder, "tree"), "w") as file:
        file.write("#!/bin/sh\nexit 0\n")
    subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    reap(lambda: True)
    return alive()


def contained(tool, event, group):
    """A cell in a namespace of its own, in the cgroup that limits all of them."""
    folder = tempfile.mkdtemp(prefix="survivors-")
    try:
        script = 'echo $$ > "$0/cgroup.procs"; exec "$@"' if group else 'exec "$@"'
        command = ["sh", "-c", script, group or "-", "unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
                   sys.executable, os.path.abspath(__file__), "--cell", tool, event, folder]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if run.returncode != 0:
            return {"error": run.stderr.strip()[-300:]}
        return json.loads(run.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def limit_processes():
    group = f"/sys/fs/cgroup/pids/survivors-{os.getpid()}"
    try:
        os.mkdir(group)
        with open(os.path.join(group, "pids.max"), "w") as file:
            file.write("1000")
        return group
    except OSError as error:
        print(f"without a limit on processes: {error}", file=sys.stderr)
        return None


def version(command):
    try:
        text = subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:
        return None
    found = re.search(r"\d[\w.]*", text.splitlines()[0] if text else "")
    return found[0] if found else None


def tools(scratch):
    """Each tool that is here, with its version."""
    ours = version([PROVISOR, "--version"])
    found = {f"provisor {level}": ours for level in LEVELS}
    found["parallel"] = version(["parallel", "--version"])
    found["xargs + timeout"] = version(["xargs", "--version"]) and version(["timeout", "--version"])
    found["nextest"] = version(["cargo-nextest", "--version"]) if shutil.which("cargo-nextest") and build_crate(scratch) else None
    return {tool: version for tool, version in found.items() if version}


def main():
    rounds, rows = int(sys.argv[1]), []
    with tempfile.TemporaryDirectory() as scratch:
        found, group = tools(scratch), limit_processes()
        work = [(round, tool, event) for round in range(rounds) for event in EVENTS for tool in found]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results = pool.map(lambda job: contained(job[1], job[2], group), work)
            for (round, tool, event), result in zip(work, results):
                if result is None:
                    continue
                if "error" in result:
                    print(f"{event:24} {tool:20} {result['error']}")
                    rows.append([event, tool, found[tool], round, "", "", "", "", "", "", result["error"]])
                    continue
                survivors, later = result["survivors"], result.get("after_next_start")
                note = "" if result["tool_left"] else f"the tool had not left {LEAVES_IN_S} s after the event"
                text = f"{len(survivors)} of {result['before']} {'; '.join(survivors)} {note}"
                print(f"{event:24} {tool:20} {text}" + (f" then {len(later)}" if later is not None else ""), flush=True)
                rows.append([event, tool, found[tool], round, result["before"], len(survivors), "; ".join(survivors),
                             "" if later is None else len(later), result.get("containment", ""),
                             result.get("not_guaranteed", ""), note])
        if group:
            # It cannot be removed while anybody is left in it.
            os.rmdir(group)
    print(keep("survivors", ["event", "tool", "version", "round", "before", "survivors", "which", "after_next_start",
                             "containment", "not_guaranteed", "note"], rows))


if sys.argv[1:2] == ["--cell"]:
    print(json.dumps(cell(*sys.argv[2:])))
else:
    main()
