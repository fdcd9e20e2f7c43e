#include "proxy/transactions/shared_block.hpp"

#include <utility>

#include "proxy/traffic/reply_tap.hpp"
#include "proxy/transactions/exec_reply.hpp"

namespace hawser {

/// Sees EXEC's reply pass. A lane that is still inside the transaction is of no use to anybody.
class SharedBlock::ExecTap final : public ReplyTap {
 public:
  ExecTap(Upstream& upstream, const Context& context, StuckUsers stuck, SlotHandle slot)
      : ReplyTap(std::move(slot)),
        upstream_(upstream),
        context_(context),
        stuck_(std::move(stuck)) {}

  void on_reply(std::uint32_t, Reply reply) override {
    const bool is_over = is_over_after(reply.bytes);
    slot().complete(reply);
    if (is_over) return;
    stuck_->insert(context_.user);
    if (MainLane* lane = upstream_.find_main_lane(context_)) lane->close();
  }
  std::size_t stream_threshold(std::uint32_t) const override { return slot().stream_threshold(); }
  bool on_part(std::uint32_t, std::string_view part, bool last) override {
    return slot().stream(part, last);
  }

 private:
  Upstream& upstream_;
  const Context context_;
  const StuckUsers stuck_;
};

Taken SharedBlock::handle(Client& client, Request& request) {
  if (rules_ != nullptr && rules_->rewrite_queued(client, request, bytes_)) {
    rewritten_.push_back(gathered_.size());
  } else {
    std::string scratch;
    bytes_ += request.wire(scratch);
  }
  Request kept;
  kept.command = request.command;
  kept.arrived = request.arrived;
  gathered_.push_back(kept);
  if (gathered_.size() < requests_) return Taken::yes;
  const auto self = shared_from_this();
  client.set_own_handler(nullptr);
  MainLane* lane = upstream_.main_lane(client.context());
  client.set_route(lane);
  std::vector<SlotHandle> slots;
  for (const Request& each : gathered_) slots.push_back(client.open_slot(each));
  for (const std::size_t i : rewritten_) {
    slots[i] = rules_->watch_rewritten(client, std::move(slots[i]));
  }
  slots.back() =
      SlotHandle(*new ExecTap(upstream_, client.context(), stuck_, std::move(slots.back())), 0);
  upstream_.forward_block(lane, bytes_, std::move(slots), request);
  return Taken::yes;
}

}  // namespace hawser
