// SPDX-License-Identifier: Apache-2.0
#include "benches/model/file_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "benches/model/quantised.h"
#include "benches/model/types.h"

namespace membound {
namespace {

// Where row `row` lies in the file: element i of a head's first half is at 2 i there, and of its
// second half at 2 i + 1.
int64_t row_in_file(int64_t row, int64_t head_dim) {
  if (head_dim == 0) return row;
  const int64_t in_head = row % head_dim;
  const int64_t half = head_dim / 2;
  return row - in_head + in_head % half * 2 + in_head / half;
}

}  // namespace

FileRows::FileRows(std::string dtype, int64_t columns, int64_t panel_rows)
    : dtype_(std::move(dtype)),
      columns_(columns),
      row_bytes_(stored_bytes(dtype_, columns)),
      panel_rows_(panel_rows) {}

void FileRows::add(const RowsPart& part) {
  parts_.push_back({part, rows_});
  rows_ += part.rows;
}

void FileRows::copy(int64_t first, int64_t count, uint8_t* out) const {
  if (is_quantised(dtype_) && panel_rows_ > 0) {
    for (int64_t i = 0; i < count; i += panel_rows_) {
      const int64_t abreast = std::min(panel_rows_, count - i);
      pack_panel(dtype_, find(first + i, abreast), columns_, out + i * row_bytes_);
    }
    return;
  }
  for (const uint8_t* row : find(first, count)) {
    if (is_quantised(dtype_)) {
      pack(dtype_, row, 1, columns_, out);
    } else {
      std::memcpy(out, row, static_cast<size_t>(row_bytes_));
    }
    out += row_bytes_;
  }
}

// Where rows [first, first + count) lie in the file.
std::vector<const uint8_t*> FileRows::find(int64_t first, int64_t count) const {
  const auto after = [](int64_t row, const Placed& placed) { return row < placed.first; };
  auto at = std::upper_bound(parts_.begin(), parts_.end(), first, after) - 1;
  std::vector<const uint8_t*> found;
  for (int64_t row = first; row < first + count; ++row) {
    while (row >= at->first + at->part.rows) ++at;
    const int64_t source = row_in_file(row - at->first, at->part.head_dim);
    found.push_back(at->part.data + source * row_bytes_);
  }
  return found;
}

}  // namespace membound
