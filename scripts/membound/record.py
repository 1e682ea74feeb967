# SPDX-License-Identifier: Apache-2.0
"""The record of one run on one node: what record.json holds. Times in seconds unless named."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Tier = Literal["P", "C", "K"]
TIERS: tuple[Tier, ...] = ("P", "C", "K")
Limit = Literal[
    "capped",  # by memory bandwidth: bytes, near the ceiling, and memory shown to be saturated
    "bytes in flight",  # near the ceiling, which more cores or bytes in flight would raise
    "bytes, saturation open",  # near the ceiling, of which nothing shows whose it is
    "not bandwidth alone",  # bytes, but well below the ceiling
    "not bandwidth",  # another cause takes more of the time than bytes
    "inconclusive",  # the samples cannot carry a verdict
    "open",  # no kernel times or no ceiling
]
CAUSES = ("bytes", "latency", "flops", "issue", "overhead", "communication")


class Open(BaseModel):
    """Keys that a newer writer adds are kept."""

    model_config = ConfigDict(extra="allow")


class Sample(Open):
    """One calibrated batch; `seconds` is per launch."""

    seconds: Seconds
    launches: int | None = None
    at: float | None = None
    tags: list[str] = []
    counters: dict[str, float | None] = {}
    telemetry: dict[str, Any] = {}


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
    footprint_bytes: int | None = None
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
    """One run of the measuring program with fresh allocations: the unit of replication.

    `header` describes the devices before anything was allocated, `devices_at_end` with it.
    """

    suite: str
    index: int = 0
    journal: str = ""
    launched_at: str = ""
    header: dict[str, Any] = {}
    measurements: list[Measurement] = []
    failures: list[Failure] = []
    devices_at_end: list[dict[str, Any]] = []
    status: Literal["partial", "complete"] = "partial"
    reason: str = "no end line in the journal"
    exit_code: int | None = None


class KernelCost(Open):
    """All launches of one kernel bench in a step: seconds of tier K and of tier C."""

    bench: str
    launches: int
    seconds: float
    claim_seconds: float


class PredictedStep(Open):
    """One step's prediction by each tier; a tier without a value says why in `why_not`."""

    device: str
    phase: Literal["decode", "prefill"]
    dtype: str
    batch: int
    context: int
    tokens: int
    work: WorkCounts
    bytes_by_class: dict[str, int] = {}
    seconds: dict[Tier, float | None]
    tokens_per_s: dict[Tier, float | None]
    why_not: dict[Tier, str] = {}
    shares: dict[str, float] | None = None
    kernels: list[KernelCost] = []
    interpolated: list[str] = []
    interpolated_share: float = 0.0


class Prediction(Open):
    """Made before any step was measured; `sha256` is over the canonical JSON of `inputs`."""

    made_at: str
    sha256: str
    inputs: dict[str, Any]
    steps: list[PredictedStep]
    notes: list[str] = []


class ClaimGap(Open):
    """Why a step takes longer than tier C says.

    `left_out` are parts of the measured step that sum to `missing_seconds` over its seconds:
    latency and issue of its kernels, what the step takes beyond their sum (`composition`), and
    less than nothing where kernels beat tier C (`faster`). Empty without kernels.
    """

    missing_seconds: float
    left_out: dict[str, float] = {}
    kernels: list[KernelCost] = []


class Experts(Open):
    """Experts of a layer that a step touched, beside those to be expected of tokens that choose
    each with equal chance. `beyond_work_bytes` are read beyond, or below zero less than, the bytes
    of the step's work, which counts the expected ones.
    """

    of: int
    touched: float
    expected: float
    beyond_work_bytes: int


def residuals_pct(
    measured: float, predicted: Mapping[Tier, float | None]
) -> dict[Tier, float | None]:
    """Measured / predicted - 1 of each tier that has a prediction."""
    return {t: (measured / p - 1) * 100 if (p := predicted[t]) else None for t in TIERS}


class Row(Open):
    """One measured step beside its predictions, in tokens/s over all sequences.

    `measured` is over all samples. `undisturbed` is over those that no neighbour disturbed, given
    where it differs; `doubts` say why a verdict on the step would rest on sand. `counted_ratio` is
    memory traffic by hardware counter over the bytes by definition, where a counter was there.
    `bytes_per_token` are those of the step's work, by class of tensor, over its tokens. A prefill
    is the time to the first token, a decode step the time per output token, of all sequences.
    """

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
    anchored_residual_pct: dict[Tier, float | None] = {}  # at the read rate between the steps
    shares: dict[str, float] | None
    seconds: float
    time_to_first_token_seconds: float | None = None
    time_per_output_token_seconds: float | None = None
    interval95: tuple[float, float]
    interval_basis: str
    achieved_GBps: float
    read_ceiling_fraction: float | None
    limit: Limit = "open"
    counted_ratio: float | None = None
    bytes_per_token: dict[str, float] = {}
    experts: Experts | None = None
    claim_gap: ClaimGap | None = None
    undisturbed: float | None = None
    doubts: list[str] = []
    interpolated: list[str] = []
    marks: list[str] = []


class Residuals(Open):
    """Absolute residuals of one tier in percent, over `n` rows."""

    n: int
    median_abs_pct: float | None
    p95_abs_pct: float | None


class EngineResult(Open):
    """What another engine measured, imported from its own file.

    `seconds` is the median of `samples`: of one decode step (a token of each sequence), of a whole
    prefill, or of a whole request (a prefill of `prompt` tokens, then `decode_steps` steps), whose
    rate counts generated tokens. `context` is the mean over the timed tokens; of a prefill, its
    length.
    """

    engine: str
    version: str = ""
    model: str
    dtype: str
    device: str = ""
    phase: Literal["decode", "prefill", "request"]
    batch: int
    context: int
    prompt: int = 0
    generated: int = 0
    decode_steps: int = 0
    tokens: int
    seconds: Seconds
    tokens_per_s: float
    samples: list[Seconds]
    settings: dict[str, Any] = {}
    notes: list[str] = []


class EngineRow(Open):
    """An engine's result beside our measured step and our prediction of the same work.

    `beside` is the record that these are from; `why_not` says why they are missing. `ratio` is ours
    over the engine's, above 1 where ours is faster; `residual_pct` is the engine's.
    """

    result: EngineResult
    beside: str = ""
    device: str = ""
    ours: float | None = None
    ours_context: int | None = None
    ratio: float | None = None
    predicted: dict[Tier, float | None] = {"P": None, "C": None, "K": None}
    residual_pct: dict[Tier, float | None] = {"P": None, "C": None, "K": None}
    why_not: str = ""


class Comparison(Open):
    """What `compare` prints as JSON."""

    record: str
    residuals: dict[Tier, Residuals]
    anchored_residuals: dict[Tier, Residuals] = {}  # where the cold read drifted
    rows: list[Row]
    verdicts: list[str]
    ceilings: dict[str, Any]
    engines: list[EngineRow] = []


class Resumption(Open):
    """A run that was taken up again; journals set aside are evidence, their samples not used."""

    at: str
    kept: list[str]
    set_aside: list[str]


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
    resumed: list[Resumption] = []
    prediction: Prediction | None = None
    comparison: Comparison | None = None
    engine_results: list[EngineResult] = []
