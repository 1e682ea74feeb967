# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page, and its charts as PNG files, from one or several records."""
