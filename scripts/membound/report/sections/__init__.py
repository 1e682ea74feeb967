# SPDX-License-Identifier: Apache-2.0
"""The sections of the page, one a file; each turns subjects into blocks."""
