#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "proxy/traffic/handler.hpp"
#include "proxy/traffic/write_rules.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Gathers the requests of a transaction that is known to be complete, and sends them as one block
/// on the main lane when the last one has come: nothing of anybody else comes between them, and the
/// lane never waits inside a transaction. The client's own handler until then.
class SharedBlock final : public Handler, public std::enable_shared_from_this<SharedBlock> {
 public:
  /// Users whose EXEC the server did not take: they can share no connection for transactions.
  using StuckUsers = std::shared_ptr<std::unordered_set<UserId>>;

  /// `requests`: MULTI included.
  SharedBlock(Upstream& upstream, WriteRules* rules, StuckUsers stuck, std::size_t requests)
      : upstream_(upstream), rules_(rules), stuck_(std::move(stuck)), requests_(requests) {}
  Taken handle(Client& client, Request& request) override;
  bool outlives_input() const override { return true; }

 private:
  class ExecTap;

  Upstream& upstream_;
  WriteRules* const rules_;  ///< nullptr: there are none.
  const StuckUsers stuck_;
  const std::size_t requests_;
  std::string bytes_;
  /// What slots need to know; they are opened with the last request, so that a long block does not
  /// count as so many unanswered requests before it is sent.
  std::vector<Request> gathered_;
  std::vector<std::size_t> rewritten_;  ///< Which of them were sent as something else.
};

}  // namespace hawser
