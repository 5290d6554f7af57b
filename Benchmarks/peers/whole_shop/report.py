"""The tables: medians of the runs that count."""
from statistics import median


def text_table(head, rows, left=(1,)):
    """Columns are right-aligned, but for those in `left`."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    line = lambda row: "  ".join(
        cell.ljust(width) if i in left else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
    return "\n".join(map(line, [head, *rows]))


def number(values, digits=0):
    values = list(values)
    return "-" if not values or any(value is None for value in values) else f"{median(values):.{digits}f}"


def quantile(runs, name, which, digits=0):
    return number([(run["load"][name] or {}).get(which) for run in runs], digits)


def loads(shops, rates, rounds, runs):
    head = ["rate/s", "shop", "runs", "settled/s", "kept up", "POST p99", "visible p50", "p99", "settled p50", "p99 ms",
            "CPU ms/order: shop", "PostgreSQL", "both", "×", "broker", "WAL kB", "commits", "statements", "shop MiB", "exact"]
    rows = []
    for rate in rates:
        first = None
        for shop in shops:
            own = [run for run in runs if run["shop"] == shop and run["rate"] == rate]
            if not own:
                rows.append([f"{rate:g}", shop, f"0/{rounds}", *["-"] * (len(head) - 3)])
                continue
            both = [run["cpu"]["shop"] + run["cpu"]["postgres"] if run["whole"] else None for run in own]
            price = None if None in both else median(both)
            if shop == shops[0]:
                first = price
            rows.append([
                f"{rate:g}", shop, f"{len(own)}/{rounds}", number(run["settledPerSecond"] for run in own),
                f"{sum(run['keptUp'] for run in own)}/{len(own)}", quantile(own, "post", "p99"),
                quantile(own, "visible", "p50"), quantile(own, "visible", "p99"), quantile(own, "done", "p50"),
                quantile(own, "done", "p99"), number((run["cpu"]["shop"] for run in own), 2),
                number((run["cpu"]["postgres"] for run in own), 2), number(both, 2),
                f"{price / first:.2f}" if price and first else "-", number((run["cpu"]["broker"] for run in own), 2),
                number((run["wal"] for run in own), 1), number((run["commits"] for run in own), 2),
                number((run["statements"] for run in own), 1), number(run["memory"]["shop"][0] for run in own),
                "yes" if all(run["exact"] for run in own) else "NO" if all(run["whole"] for run in own) else "unsettled",
            ])
    return text_table(head, rows)


def rests(shops, rounds, runs):
    head = ["runs", "at rest, % of a core", "shop", "PostgreSQL", "both", "broker", "WAL B/s", "commits/s"]
    rows = []
    for shop in shops:
        own = [run for run in runs if run["shop"] == shop and run["rate"] is None]
        if own:
            share = lambda *names: number((100 * sum(run["cores"][name] for name in names) for run in own), 1)
            rows.append([f"{len(own)}/{rounds}", shop, share("shop"), share("postgres"), share("shop", "postgres"),
                         share("broker"), number(run["wal"] for run in own), number((run["commits"] for run in own), 1)])
    return text_table(head, rows) if rows else ""
