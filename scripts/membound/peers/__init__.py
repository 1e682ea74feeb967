# SPDX-License-Identifier: Apache-2.0
"""The same work by membound and by the peers that are installed, interleaved, as ratios.

To add a peer: one module with a `find` function as `stream.py` has, and one line in `registry.py`.
"""
