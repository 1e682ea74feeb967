# SPDX-License-Identifier: Apache-2.0
"""The commands, one module each. Heavy imports are inside them: `list` and `run` start fast."""
