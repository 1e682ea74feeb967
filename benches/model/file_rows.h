// SPDX-License-Identifier: Apache-2.0
// Rows of a file's matrices as the device wants them: several matrices one below the other, halves
// of heads apart, quantised rows packed as the device has them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "benches/model/weights_file.h"

namespace membound {

// Consecutive rows of one tensor.
struct RowsPart {
  const uint8_t* data;
  int64_t rows;
  int64_t head_dim = 0;  // of heads whose pairs are neighbours in the file; 0: rows stay in order
};

class FileRows {
 public:
  // `panel_rows`: of the device (DeviceInfo).
  FileRows(std::string dtype, int64_t columns, int64_t panel_rows = 0);

  void add(const RowsPart& part);
  int64_t rows() const { return rows_; }
  int64_t row_bytes() const { return row_bytes_; }
  int64_t bytes() const { return rows_ * row_bytes_; }

  // Rows [first, first + count) to `out`; of panels whole ones.
  void copy(int64_t first, int64_t count, uint8_t* out) const;

 private:
  struct Placed {
    RowsPart part;
    int64_t first;  // row of all
  };
  std::vector<const uint8_t*> find(int64_t first, int64_t count) const;

  std::string dtype_;
  int64_t columns_, row_bytes_, panel_rows_;
  int64_t rows_ = 0;
  std::vector<Placed> parts_;
};

}  // namespace membound
