#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace hawser {

/// What came of one GET.
struct HttpAnswer {
  int status = 0;  ///< 0: there was no answer, `error` says why.
  std::string error;
};

/// Asks `address` ("host:port" or "[::1]:port") for `target` and waits for the status line, at
/// most until `deadline`; only a name server that does not answer can take longer. Blocks its
/// thread: for the subcommands, which do nothing else.
HttpAnswer http_get(std::string_view address, std::string_view target,
                    std::chrono::steady_clock::time_point deadline);

}  // namespace hawser
