# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have."""

from typing import Annotated

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
Tolerance = Annotated[
    float | None,
    typer.Option(
        "--tolerance",
        min=0,
        metavar="PCT",
        help="Exit with 1 when a residual of the finest tier (K, else C, else P) is larger.",
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        help="All matrices: f32, f16, bf16, q8_0 or q4_0; default: bf16. A file has its own."
    ),
]
Cache = Annotated[
    str | None,
    typer.Option(help="Keys and values: f32, f16 or bf16; default: the dtype, else f16."),
]
Model = Annotated[
    str,
    typer.Option(
        help="Catalogue id, Hugging Face config.json, or weights: .gguf, folder of safetensors."
    ),
]
