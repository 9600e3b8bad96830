"""What a figure is measured on, and where it is kept."""
import csv
import datetime
import glob
import os
import platform
import subprocess
import tempfile

# The release build, which is measured; another may be given.
TARGET = os.environ.get("CARGO_TARGET_DIR", "target")
PROVISOR = os.path.abspath(os.environ.get("PROVISOR", os.path.join(TARGET, "release", "provisor")))


def cpu_s(pid):
    """CPU seconds of all threads of a process so far, without its children; 0 when it is gone."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[0])
        except OSError:
            pass
    return total / 1e9


def guardian_of(pid):
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path) as file:
                for child in file.read().split():
                    with open(f"/proc/{child}/comm") as comm:
                        if comm.read().strip() == "pv-guardian":
                            return int(child)
        except OSError:
            pass
    return None


def cpu_model():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())


def commit():
    """The commit that is checked out, with a mark where something else than raw results was changed since."""
    name = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", ".", ":!benches/runs", ":!README.md"]).returncode
    return f"{name}-changed" if changed == 1 else name


def folder():
    """Where raw results go: benches/runs/DATE-HOST, or where record.sh says."""
    date = datetime.date.today().isoformat()
    path = os.environ.get("BENCHES_RUN") or os.path.join("benches/runs", f"{date}-{platform.node()}")
    os.makedirs(path, exist_ok=True)
    return path


def keep(name, header, rows):
    """Appends rows to benches/runs/DATE-HOST/NAME.csv, each with the date, the machine and the commit."""
    where = [datetime.date.today().isoformat(), cpu_model(), os.cpu_count(), commit()]
    path = os.path.join(folder(), f"{name}.csv")
    new = not os.path.exists(path)
    with open(path, "a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["date", "cpu", "cpus", "commit", *header])
        writer.writerows([*where, *row] for row in rows)
    return path


def describe():
    """Begins a run's README.md with what the figures depend on and the CSV files do not say."""
    path = os.path.join(folder(), "README.md")
    if os.path.exists(path):
        return
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 2**20
    disk = subprocess.run(["df", "--output=fstype", tempfile.gettempdir()], capture_output=True, text=True).stdout.split()
    with open(path, "w") as file:
        file.write(f"{datetime.date.today().isoformat()}, {os.cpu_count()} CPUs ({cpu_model()}), {memory:.0f} GiB, "
                   f"{platform.system()} {platform.release()}, scratch on {disk[-1]}, load {os.getloadavg()[0]:.2f} at the "
                   f"start. Made by `benches/record.sh` at {commit()}.\n")


if __name__ == "__main__":
    describe()
