"""What processes cost, by /proc: CPU time, memory, and what others took of the machine meanwhile."""
import os
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def processes():
    """pid: (parent, ticks of its own, ticks of its ended children)"""
    table = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended
            table[int(entry.name)] = (int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14]))
    return table


def family(table, root):
    members, added = {root}, True
    while added:
        more = {pid for pid, row in table.items() if row[0] in members} - members
        members |= more
        added = bool(more)
    return members & table.keys()


def cpu(roots):
    """Seconds of CPU of some processes with all that they have started, ended ones too, by name."""
    table = processes()
    return {name: sum(sum(table[pid][1:]) for pid in family(table, root)) / TICK for name, root in roots.items()}


def memory(root):
    """MiB of a process and what it has started, shared pages shared out; and the largest peak of one of them."""
    total, peak = 0, 0
    for pid in family(processes(), root):
        try:
            total += int(next(line for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                              if line.startswith("Pss:")).split()[1])
            peak = max(peak, peak_of(pid))
        except (OSError, StopIteration):
            continue
    return total / 1024, peak


def peak_of(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0


class Meter:
    """CPU of the named processes from its making on, and what foreign processes or the hypervisor took: `noise`, in
    cores. Everything that this comparison has started counts as ours."""

    def __init__(self, **roots):
        self.roots = {**roots, "ours": os.getpid()}
        self.start = self._now()

    def _now(self):
        fields = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        busy = sum(fields[:3]) + fields[5] + fields[6]  # user, nice, system, interrupts
        return time.monotonic(), busy / TICK, fields[7] / TICK, cpu(self.roots)

    def read(self):
        now = self._now()
        seconds, busy, steal = (now[i] - self.start[i] for i in range(3))
        used = {name: now[3][name] - self.start[3][name] for name in self.roots}
        foreign = max(0, busy - used.pop("ours"))
        return used, (foreign + steal) / max(seconds, 0.01), seconds


def await_quiet(limit, seconds):
    """Whether nobody else takes more than `limit` cores for a second, within so many seconds."""
    end = time.monotonic() + seconds
    while True:
        meter = Meter()
        time.sleep(1)
        if meter.read()[1] <= limit:
            return True
        if time.monotonic() > end:
            return False
