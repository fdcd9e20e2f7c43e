#include "proxy/upstream/lane_buffer.hpp"

#include <algorithm>
#include <array>

namespace hawser {

std::string LaneBuffer::copy(std::size_t offset, std::size_t n) const {
  std::string out;
  out.reserve(n);
  while (out.size() < n) {
    std::array<iovec, 16> pieces;
    const int count =
        bytes_.describe(pieces.data(), static_cast<int>(pieces.size()), offset + out.size());
    if (count == 0) break;
    for (int i = 0; i < count && out.size() < n; ++i) {
      const iovec& piece = pieces[static_cast<std::size_t>(i)];
      out.append(static_cast<const char*>(piece.iov_base), std::min(piece.iov_len, n - out.size()));
    }
  }
  return out;
}

void LaneBuffer::clear() {
  bytes_.clear();
  written_ = 0;
}

}  // namespace hawser
