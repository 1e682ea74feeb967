# SPDX-License-Identifier: Apache-2.0
"""The performance model: shapes, work per launch, ceilings, tiers of prediction."""
