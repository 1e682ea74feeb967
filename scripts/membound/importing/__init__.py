# SPDX-License-Identifier: Apache-2.0
"""Results that other engines measured, read from their own files into a record."""
