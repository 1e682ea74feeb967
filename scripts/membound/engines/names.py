# SPDX-License-Identifier: Apache-2.0
"""Engines and phases as publishers spell them."""

import re
from typing import Literal

Phase = Literal["decode", "prefill", "continuous", "whole", "serving"]
ENGINES = (
    (r"exllama\s*v?2", "exllamav2"),
    (r"llama\.?cpp|llama-bench|ggml|ollama|lm studio", "llama.cpp"),
    (r"tensorrt|trt-?llm", "tensorrt-llm"),
    (r"turbomind|lmdeploy", "turbomind"),
    (r"transformers|\bhf\b", "transformers"),
    (r"gpt-?fast", "gpt-fast"),
    (r"fastertransformer", "fastertransformer"),
    (r"mlc", "mlc"),
)


def engine(text: str) -> tuple[str, str]:
    """Family and build: 'trtllm 1.0.0rc3' is ('tensorrt-llm', '1.0.0rc3')."""
    name = " ".join(text.casefold().split())
    for pattern, family in ENGINES:
        if found := re.search(pattern, name):
            return family, name[found.end() :].strip(" ()-,")
    family, _, build = name.partition(" ")
    return re.sub(r"[^a-z0-9.+-]", "", family) or "unknown", build


def phase(text: str) -> Phase | None:
    """What the timed part held; None for what is not described.

    `whole` has the prompt's prefill in its time, `continuous` that of other requests, `serving`
    both at a load that filled the memory.
    """
    name = text.casefold()
    if "serving" in name or "offline" in name or "throughput" in name:
        return "serving"
    if "incl" in name and "prefill" in name:
        return "whole"
    if name.startswith("decode"):
        if "prefill" in name:
            return "serving"
        return "continuous" if "continuous" in name or "tpot" in name else "decode"
    if name.startswith(("prefill", "prompt", "pp")):
        return "prefill"
    return "decode" if name.startswith(("generation", "tg")) else None
