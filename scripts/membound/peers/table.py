# SPDX-License-Identifier: Apache-2.0
"""The comparison as a table on standard output."""

from typing import Any

from rich.table import Table

from membound.peers.works import Work
from membound.tables import console


def print_document(document: dict[str, Any]) -> None:
    out = console()
    if document["ratios"]:
        out.print(_ratios(document["ratios"]))
    for entry in document["failures"]:
        out.print(f"failed: {entry['launch']}: {entry['reason']}", soft_wrap=True)
    for entry in document["not_compared"]:
        out.print(f"not compared: {entry['peer']} {entry['work']}: {entry['reason']}")
    for peer in document["peers"]:
        if not peer["found"]:
            out.print(f"absent: {peer['side']}: {peer['reason']}", soft_wrap=True)
    for text in document["verdicts"]:
        out.print(f"- {text}", soft_wrap=True)


def _ratios(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="ours / peer, medians over rounds of fresh processes; above 1: ours ahead")
    table.add_column("work")
    table.add_column("ours", justify="right")
    table.add_column("peer and kernel", overflow="fold")
    for heading in ("peer", "ratio", "95 %", "rounds"):
        table.add_column(heading, justify="right")
    table.add_column("marks", overflow="fold")
    for row in rows:
        low, high = row["interval95"]
        store = " nt" if "store:nt" in row["our_kernel"] else ""
        compared = Work(row["work"], row["dtype"], row["model"])
        table.add_row(
            str(compared),
            f"{row['our_rate'] / compared.scale:.1f}{store}",
            f"{row['peer']} {row['peer_kernel']}",
            f"{row['peer_rate'] / compared.scale:.1f}",
            f"{row['ratio']:.3f}",
            f"{low:.3f}..{high:.3f}",
            str(row["rounds"]),
            "; ".join(row["marks"]),
        )
    steps = any(row["model"] for row in rows)
    table.caption = (
        "tokens/s"
        if steps
        else ("GB/s by definition of the loop, GFLOP/s for fma and gemm; nt: our non-temporal")
    )
    return table
