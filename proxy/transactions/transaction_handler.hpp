#pragma once

#include "proxy/transactions/pinned_stay.hpp"
#include "proxy/transactions/shared_block.hpp"

namespace hawser {

/// MULTI, WATCH and CLIENT TRACKING: what follows them depends on a connection's state. A
/// transaction that has come whole and holds only shared commands rides the main lane as one block;
/// everything else is given a pinned connection for as long as it holds state.
class TransactionHandler final : public Handler {
 public:
  /// `forward` has what Redis answers on any connection: EXEC without MULTI and the like.
  TransactionHandler(StayParts parts, Handler& forward)
      : parts_(std::move(parts)), forward_(forward) {}
  Taken handle(Client& client, Request& request) override;

 private:
  StayParts parts_;
  Handler& forward_;
  const SharedBlock::StuckUsers stuck_ = std::make_shared<std::unordered_set<UserId>>();
};

}  // namespace hawser
