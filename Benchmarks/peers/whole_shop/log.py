"""What an order costs in PostgreSQL's log, by table and kind of record: pg_waldump's word for each byte."""
import re
import subprocess
from collections import defaultdict

from .report import text_table
from .servers import Failure

RECORD = re.compile(r"rmgr: (\S+) +len \(rec/tot\): +(\d+)/ *(\d+), .*? desc: (\S+)(?:.*?blkref #0: rel \d+/(\d+)/(\d+))?")
# Smaller sums, in bytes an order, stand in one line together.
LEAST = 10


def relations(postgres):
    """(database, file): (database, table, index or None). The catalogs of a database are one table."""
    found = {}
    for oid, name in postgres.sql("SELECT oid, datname FROM pg_database"):
        if name == "template0":
            continue
        rows = postgres.sql(
            """
            SELECT pg_relation_filenode(c.oid), coalesce(x.relname, t.relname, c.relname),
                   CASE WHEN i.indexrelid IS NOT NULL THEN c.relname WHEN t.oid IS NOT NULL THEN 'toast' END,
                   c.relnamespace = 'pg_catalog'::regnamespace OR c.relisshared
            FROM pg_class c
            LEFT JOIN pg_index i ON i.indexrelid = c.oid
            LEFT JOIN pg_class x ON x.oid = i.indrelid
            LEFT JOIN pg_class t ON t.reltoastrelid = coalesce(i.indrelid, c.oid)
            WHERE pg_relation_filenode(c.oid) IS NOT NULL
            """, name)
        for file, table, part, is_catalog in rows:
            key = (oid, file)
            found[key] = (name, "catalogs", None) if is_catalog == "t" else (name, table, part or None)
    return found


def lsn(position):
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def account(postgres, start, end):
    """(database, table, index, kind of record): [records, bytes without page images, bytes of page images]"""
    names, sums = relations(postgres), defaultdict(lambda: [0, 0, 0])
    dump = subprocess.Popen(
        [postgres.programs / "pg_waldump", "-p", postgres.work / "postgres" / "pg_wal", "-s", lsn(start), "-e", lsn(end)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in dump.stdout:
        record = RECORD.match(line)
        if not record:
            raise Failure(f"pg_waldump says what isn't understood: {line[:200]}")
        manager, size, total, kind, database, file = record.groups()
        where = names.get((database, file), ("", "gone by now", None)) if file else ("", "no table", None)
        one = sums[(*where, kind if file else f"{manager} {kind}")]
        one[0] += 1
        one[1] += int(size)
        one[2] += int(total) - int(size)
    problem = dump.stderr.read()
    if dump.wait():
        raise Failure(f"pg_waldump: {problem.strip()}")
    return sums


def report(sums, orders):
    """Tables by what they cost an order, with their indexes and kinds of records."""
    tables, rest = defaultdict(dict), [0, 0, 0]
    for (database, table, index, kind), counts in sums.items():
        tables[(database.removeprefix("orderflow_"), table)][(index or "", kind)] = counts
    total = lambda parts: [sum(counts[i] for counts in parts.values()) / orders for i in range(3)]
    line = lambda what, counts: [*what, f"{counts[0]:.2f}", f"{counts[1]:.0f}", f"{counts[2]:.0f}"]
    rows = []
    for name, parts in sorted(tables.items(), key=lambda item: -sum(total(item[1])[1:])):
        rows.append(line([".".join(filter(None, name)), ""], total(parts)))
        for (index, kind), counts in sorted(parts.items(), key=lambda item: -item[1][1] - item[1][2]):
            counts = [count / orders for count in counts]
            if counts[1] + counts[2] >= LEAST:
                rows.append(line(["", f"{index} {kind}".strip()], counts))
            else:
                rest = [a + b for a, b in zip(rest, counts)]
    rows.append(line(["lines left out above", ""], rest))
    rows.append(line(["all", ""], [sum(counts[i] for counts in sums.values()) / orders for i in range(3)]))
    return text_table(["table", "of it", "records", "bytes", "page images"], rows, left=(0, 1))
