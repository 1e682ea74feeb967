# SPDX-License-Identifier: Apache-2.0
"""The back-test and a prediction of an engine, as tables on standard output."""

from typing import Any

from rich.table import Table

from membound.tables import console, shares_text

MOST_EXPERIMENTS = 25  # shown; all are in the JSON


def print_backtest(document: dict[str, Any]) -> None:
    out = console()
    out.print(f"{document['rows']} rows, of which skipped:")
    for reason, count in document["skipped"].items():
        out.print(f"  {count} x {reason}")
    out.print(_groups(document["groups"]))
    out.print(_baselines(document["baselines"]))
    for name, rows in document["natural_experiments"].items():
        if rows:
            out.print(_experiments(name, rows))
    out.print(_worst(document["worst"]))
    trained = document["profile"]
    out.print(f"fitted on {trained['training_rows']} rows, {trained['training_sha256'][:16]}")


def _groups(groups: list[dict[str, Any]]) -> Table:
    table = Table(title="points that the fit had not seen: |measured / predicted - 1| in percent")
    table.add_column("left out: group", no_wrap=True)
    for name in ("points", "median", "p90", "p95", "worst", "in 90 %", "p", "order"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups:
        numbers = [group[f"{key}_abs_pct"] for key in ("median", "p90", "p95", "worst")]
        table.add_row(
            group["name"],
            str(group["points"]),
            *(_number(number) for number in numbers),
            _number(group["interval90_coverage"], 3),
            _number(group["coverage_p_corrected"], 3),
            _number(group["rank_correlation"], 3),
        )
    table.caption = (
        "in 90 %: part inside the 90 % interval; p: that it is 90 %, corrected for all groups; "
        "order: rank correlation of devices within a model"
    )
    return table


def _baselines(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="beside simpler predictions, device left out: median / p90 in percent")
    groups = list(dict.fromkeys(row["group"] for row in rows))
    table.add_column("prediction")
    for name in groups:
        table.add_column(name, justify="right")
    for title in dict.fromkeys(row["name"] for row in rows):
        cells = {row["group"]: row for row in rows if row["name"] == title}
        table.add_row(title, *(_pair(cells.get(name)) for name in groups))
    return table


def _pair(row: dict[str, Any] | None) -> str:
    if row is None or row["median_abs_pct"] is None:
        return "-"
    return f"{_number(row['median_abs_pct'])} / {_number(row['p90_abs_pct'])}"


def _experiments(name: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=f"natural experiments ({name} left out): faster over slower")
    for heading in ("more", "slower", "faster", "group"):
        table.add_column(heading)
    for heading in ("paper", "published", "predicted", "90 %", "sign"):
        table.add_column(heading, justify="right")
    table.add_column("shares of the slower")
    for row in rows[:MOST_EXPERIMENTS]:
        low, high = row["interval90"]
        table.add_row(
            row["differs_in"], row["slower"], row["faster"], row["group"],
            _number(row["paper_ratio"], 2), _number(row["published_ratio"], 2),
            _number(row["predicted_ratio"], 2), f"{low:.2f}..{high:.2f}",
            {True: "right", False: "wrong", None: "none"}[row["sign_right"]],
            shares_text(row["shares_of_slower"]),
        )  # fmt: skip
    judged = [row["sign_right"] for row in rows if row["sign_right"] is not None]
    table.caption = f"{len(rows)} pairs; sign right in {sum(judged)} of {len(judged)}"
    return table


def _worst(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="the largest misses, device left out, one for each device and model")
    for heading in ("device", "engine", "model", "row", "residual", "likely reason"):
        table.add_column(heading)
    for row in rows:
        place = f"{row['file']}:{row['line']}"
        residual = f"{row['residual_pct']:+.0f} %"
        table.add_row(row["device"], row["engine"], row["model"], place, residual, row["reason"])
    return table


def print_prediction(found: dict[str, Any]) -> None:
    low, high = found["interval90"]
    place = f"{found['devices']} x {found['device']}" if found["devices"] > 1 else found["device"]
    table = Table(title=f"{found['phase']} of {found['model']} by {found['engine']} on {place}")
    table.add_column("quantity")
    table.add_column("value")
    table.add_row("batch, context", f"{found['batch']}, {found['context']}")
    table.add_row("prediction", f"{found['tokens_per_s']:.1f} tokens/s")
    table.add_row("90 % interval", f"{low:.1f}..{high:.1f}")
    table.add_row("step", f"{found['seconds_per_step'] * 1e3:.3f} ms")
    table.add_row("bytes", f"{found['bytes_per_step'] / 1e9:.3f} GB")
    table.add_row("flops", f"{found['flops_per_step'] / 1e9:.3f} GFLOP")
    table.add_row("bound", found["bound"] or "unknown")
    table.add_row("shares", shares_text(found["shares"]))
    if found["unknown"]:
        table.add_row("never seen", ", ".join(found["unknown"]))
    if found["fits_in_memory"] is False:
        table.add_row("memory", "weights and cache are larger than the device's memory")
    console().print(table)


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
