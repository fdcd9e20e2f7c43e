#include "proxy/cache/owed_calls.hpp"

#include <algorithm>
#include <utility>

#include "proxy/cache/redis_refusal.hpp"

namespace hawser {

namespace {

constexpr Duration kPause = std::chrono::milliseconds(100);
/// Of those that wait, in each pause.
constexpr std::size_t kAtOnce = 100;
/// What may wait at most.
constexpr std::size_t kMostBytes = std::size_t{16} << 20;

std::size_t size_of(const OwedCalls::Call& call) {
  return sizeof(call) + call.key.size() + call.argument.size();
}

/// Whether the call was executed, or never will be.
bool is_settled(const ScriptAnswer& answer) {
  switch (answer.kind) {
    case ScriptAnswer::Kind::reply:
      return true;
    case ScriptAnswer::Kind::error:
      return refusal_of(answer.error) == Refusal::final;
    case ScriptAnswer::Kind::not_sent:
    case ScriptAnswer::Kind::unknown:
      break;
  }
  return false;
}

}  // namespace

OwedCalls::OwedCalls(ScriptCaller& caller, Script& script)
    : caller_(caller), script_(script), timer_(caller.upstream().loop(), [this] { on_timer(); }) {}

void OwedCalls::make(Call call) {
  send(std::make_shared<const Call>(std::move(call)));
}

void OwedCalls::make_soon(Call call) {
  keep(std::make_shared<const Call>(std::move(call)));
}

void OwedCalls::send(const std::shared_ptr<const Call>& call) {
  caller_.call(Passage::lane, call->context, script_, {call->key}, {call->argument},
               [owed = weak_from_this(), call](const ScriptAnswer& answer) {
                 const auto self = owed.lock();
                 if (self != nullptr && !is_settled(answer)) self->keep(call);
               });
}

void OwedCalls::keep(std::shared_ptr<const Call> call) {
  const TimePoint now = caller_.upstream().loop().now();
  if (call->until <= now || again_bytes_ + size_of(*call) > kMostBytes) return;
  again_bytes_ += size_of(*call);
  again_.push_back(std::move(call));
  timer_.set_no_later_than(now + kPause);
}

void OwedCalls::on_timer() {
  const TimePoint now = caller_.upstream().loop().now();
  const bool may_send = caller_.upstream().circuit().allows();
  std::deque<std::shared_ptr<const Call>> due;
  while (!again_.empty() && due.size() < kAtOnce) {
    if (!may_send && again_.front()->until > now) break;
    again_bytes_ -= size_of(*again_.front());
    due.push_back(std::move(again_.front()));
    again_.pop_front();
  }
  for (const auto& call : due) {
    if (call->until > now) send(call);
  }
  if (!again_.empty()) timer_.set_no_later_than(now + kPause);
}

}  // namespace hawser
