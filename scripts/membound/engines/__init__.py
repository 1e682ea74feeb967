# SPDX-License-Identifier: Apache-2.0
"""Predict engines that others wrote, with intervals, and score that on published rows."""
