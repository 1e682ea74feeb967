# SPDX-License-Identifier: Apache-2.0
"""The charts, one kind a file; each takes plain numbers and knows nothing of records."""
