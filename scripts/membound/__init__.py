# SPDX-License-Identifier: Apache-2.0
"""membound: is inference on this accelerator capped by memory bandwidth, and by how much?"""

__version__ = "0.1.0"
