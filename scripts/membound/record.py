# SPDX-License-Identifier: Apache-2.0
"""The record of one run on one node: what record.json holds. Times in seconds unless named."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Tier = Literal["P", "C", "K"]
TIERS: tuple[Tier, ...] = ("P", "C", "K")
CAUSES = ("bytes", "latency", "flops", "issue", "overhead", "communication")


class Open(BaseModel):
    """Keys that a newer writer adds are kept."""

    model_config = ConfigDict(extra="allow")


class Sample(Open):
    """One calibrated batch; `seconds` is per launch."""

    seconds: Seconds
    at: float | None = None
    tags: list[str] = []


class WorkCounts(Open):
    """Integers of one launch, by definition of its loop; of a step: the sum."""

    bytes_read: int = 0
    bytes_written: int = 0
    activation_bytes: int = 0
    write_allocate_bytes: int = 0
    flops: dict[str, int] = {}


class Measurement(Open):
    """One bench on one device in one process, with all its samples."""

    bench: str
    device: str
    stage: Literal["ceiling", "kernel", "step", "anchor"]
    dtype: str = ""
    work: WorkCounts = WorkCounts()
    footprint_ok: bool = True
    check: dict[str, Any] | None = None
    samples: list[Sample] = []
    finished: bool = False
    stop_reason: str | None = None


class Failure(Open):
    """A bench that did not run (`skip`) or failed (`error`)."""

    kind: Literal["skip", "error"]
    bench: str = ""
    device: str = ""
    reason: str


class Process(Open):
    """One run of the measuring program with fresh allocations: the unit of replication."""

    suite: str
    index: int = 0
    journal: str = ""
    launched_at: str = ""
    header: dict[str, Any] = {}
    measurements: list[Measurement] = []
    failures: list[Failure] = []
    status: Literal["partial", "complete"] = "partial"
    reason: str = "no end line in the journal"
    exit_code: int | None = None


class PredictedStep(Open):
    """One step's prediction by each tier; a tier without a value says why in `why_not`."""

    device: str
    phase: Literal["decode", "prefill"]
    dtype: str
    batch: int
    context: int
    tokens: int
    work: WorkCounts
    seconds: dict[Tier, float | None]
    tokens_per_s: dict[Tier, float | None]
    why_not: dict[Tier, str] = {}
    shares: dict[str, float] | None = None
    interpolated: list[str] = []
    interpolated_share: float = 0.0


class Prediction(Open):
    """Made before any step was measured; `sha256` is over the canonical JSON of `inputs`."""

    made_at: str
    sha256: str
    inputs: dict[str, Any]
    steps: list[PredictedStep]
    notes: list[str] = []


class Row(Open):
    """One measured step beside its predictions, in tokens/s over all sequences."""

    bench: str
    device: str
    model: str
    dtype: str
    batch: int
    context: int
    phase: Literal["decode", "prefill"]
    measured: float
    unit: str = "tokens/s"
    predicted: dict[Tier, float | None]
    residual_pct: dict[Tier, float | None]
    shares: dict[str, float] | None
    seconds: float
    interval95: tuple[float, float]
    interval_basis: str
    achieved_GBps: float
    read_ceiling_fraction: float | None
    interpolated: list[str] = []
    marks: list[str] = []


class Residuals(Open):
    """Absolute residuals of one tier in percent, over `n` rows."""

    n: int
    median_abs_pct: float | None
    p95_abs_pct: float | None


class Comparison(Open):
    """What `compare` prints as JSON."""

    record: str
    residuals: dict[Tier, Residuals]
    rows: list[Row]
    verdicts: list[str]
    ceilings: dict[str, Any]


class Record(Open):
    """One node and one run."""

    schema_version: Literal[1] = 1
    version: str
    status: Literal["partial", "complete"] = "partial"
    reason: str = ""
    started_at: str
    ended_at: str | None = None
    settings: dict[str, Any]
    model: dict[str, Any] | None = None
    devices: list[dict[str, Any]] = []
    backends: list[dict[str, Any]] = []
    processes: list[Process] = []
    prediction: Prediction | None = None
    comparison: Comparison | None = None
