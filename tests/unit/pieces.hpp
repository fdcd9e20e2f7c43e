#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace hawser::test {

/// A copy of some bytes in a heap block of exactly their size, so that a sanitizer sees a read of
/// even one byte behind them.
class ExactBlock {
 public:
  explicit ExactBlock(std::string_view bytes)
      : bytes_(new char[bytes.size()]), size_(bytes.size()) {
    bytes.copy(bytes_.get(), bytes.size());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

/// Calls `check` with `input` cut in two at every place (the first piece being every prefix, the
/// empty one and the whole included), and then with every byte a piece of its own.
inline void for_every_split(
    std::string_view input,
    const std::function<void(const std::vector<std::string_view>&)>& check) {
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    check({input.substr(0, cut), input.substr(cut)});
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < input.size(); ++i) bytes.push_back(input.substr(i, 1));
  check(bytes);
}

}  // namespace hawser::test
