# SPDX-License-Identifier: Apache-2.0
"""`python -m membound.schema` writes results/schema/record.schema.json from the models."""

import json

from membound.paths import ROOT
from membound.record import Record
from membound.storage import write_atomically

PATH = ROOT / "results" / "schema" / "record.schema.json"


def text() -> str:
    return json.dumps(Record.model_json_schema(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    PATH.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(PATH, text())
