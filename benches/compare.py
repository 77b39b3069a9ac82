"""The table of benches/compare: medians of both servers, their ratios, and the goals.

Reads the figures of every run from the file named on the command line (one JSON object a line),
and the shapes with their goals from stdin. Goals are ratios to nats-server unless they are bytes.
"""

import json
import statistics
import sys


def load(path):
    """{(shape, server): {metric: [values]}}"""
    runs = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            run = json.loads(line)
            metrics = runs.setdefault((run["shape"], run["server"]), {})
            for name, value in run["metrics"].items():
                metrics.setdefault(name, []).append(value)
    return {key: {n: statistics.median(v) for n, v in m.items()} for key, m in runs.items()}


def short(value):
    """Four significant digits, with k or M where that helps."""
    if value is None:
        return "-"
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e6 if unit == 'M' else 1e3):.4g}{unit}"
    return f"{value:.4g}"


def ratio(above, below):
    return above / below if above is not None and below else None


def judge(value, goal, at_least):
    """`12.3 (goal 12)`, with a mark where the goal is missed."""
    if value is None:
        return "-"
    if goal is None:
        return short(value)
    met = value >= goal if at_least else value <= goal
    return f"{short(value)} ({'goal' if met else 'MISSED'} {goal:g})"


def table(title, header, rows):
    if not rows:
        return
    print(f"## {title}\n")
    rows = [header, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    for number, row in enumerate(rows):
        cells = [cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            rules = ["-" * w if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
            print("| " + " | ".join(rules) + " |")
    print()


def flow_row(shape, goals, ours, theirs):
    cpu, rate, p50, _ = goals
    per_million = "server_cpu_seconds_per_million_msgs"
    latency = "latency_p50_us"
    peak = "server_rss_peak_bytes"
    mib = lambda m: f"{m[peak] / 2**20:.0f}" if peak in m else "-"
    # A generator that is busy all the time may be what limits the rate.
    busy = max((ratio(m.get("generator_cpu_seconds"), m.get("duration_seconds")) or 0) for m in (ours, theirs))
    return [
        shape,
        short(ours.get("msgs_per_second")),
        short(theirs.get("msgs_per_second")),
        judge(ratio(ours.get("msgs_per_second"), theirs.get("msgs_per_second")), rate, True),
        short(ours.get(per_million)),
        short(theirs.get(per_million)),
        judge(ratio(theirs.get(per_million), ours.get(per_million)), cpu, True),
        f"{short(ours.get(latency))} / {short(theirs.get(latency))}",
        judge(ratio(ours.get(latency), theirs.get(latency)), p50, False),
        f"{mib(ours)} / {mib(theirs)}",
        f"{busy:.2f}",
    ]


def memory_row(shape, goals, ours, theirs):
    each = next((n for n in ours if n.startswith("server_rss_bytes_per_")), None)
    if each is None:
        return None
    opened = "connections_per_second" if "connections_per_second" in ours else "subscriptions_per_second"
    cost = next(n for n in ours if n.startswith("server_cpu_us_per_"))
    lookups = "lookup_msgs_per_second"
    return [
        shape,
        judge(ours[each], goals[3], False),
        short(theirs.get(each)),
        short(ratio(theirs.get(each), ours[each])),
        f"{short(ours.get(opened))} / {short(theirs.get(opened))}",
        f"{short(ours.get(cost))} / {short(theirs.get(cost))}",
        f"{short(ours.get(lookups))} / {short(theirs.get(lookups))}",
    ]


def rest(results):
    """Figures that are no ratio to the other server."""
    for server in ("vagus", "nats"):
        alone = results.get(("alone-1024", server), {}).get("msgs_per_second")
        stuck = results.get(("stuck-1024", server), {}).get("msgs_per_second")
        if alone and stuck:
            goal = " (goal 80 %)" if server == "vagus" else ""
            print(f"beside a reader that never reads, {server} keeps {stuck / alone:.0%} of its rate{goal}")
    for server in ("vagus", "nats"):
        start = results.get(("start", server))
        if start:
            goals = (" (goal 20 ms)", " (goal 15 MB)") if server == "vagus" else ("", "")
            size = start["binary_stripped_bytes"] / 1e6
            print(
                f"{server}: ready {start['start_ms']:.1f} ms after it was started{goals[0]},"
                f" binary {size:.1f} MB stripped{goals[1]}"
            )


def main():
    results = load(sys.argv[1])
    flows, memory, missing = [], [], []
    for line in sys.stdin:
        shape, _, *goals = line.strip().split("|")
        goals = [None if goal == "-" else float(goal) for goal in goals]
        ours, theirs = results.get((shape, "vagus")), results.get((shape, "nats"))
        if not ours or not theirs:
            missing.append(shape + ("" if ours else " (vagus)") + ("" if theirs else " (nats)"))
        elif shape.startswith(("idle-", "subs-")):
            memory.append(memory_row(shape, goals, ours, theirs))
        elif shape != "start":
            flows.append(flow_row(shape, goals, ours, theirs))
    table(
        "Rate, CPU and latency (vagus / nats)",
        ["shape", "msg/s", "nats", "times", "CPU s/M", "nats", "times less", "p50 us", "p50 ratio",
         "peak MiB", "generator cores"],
        flows,
    )
    table(
        "Memory and scale",
        ["shape", "bytes each", "nats", "times less", "made /s", "CPU us each", "lookups /s"],
        [row for row in memory if row],
    )
    rest(results)
    if missing:
        print("\nnot measured: " + ", ".join(missing))


if __name__ == "__main__":
    main()
