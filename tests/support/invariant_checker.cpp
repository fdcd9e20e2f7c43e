#include "tests/support/invariant_checker.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/request_parser.hpp"
#include "proxy/traffic/failure.hpp"

namespace hawser::test {

namespace {

/// How far time may step beyond a deadline before it is noticed.
constexpr std::chrono::milliseconds kTick{5};

std::uint64_t to_id(std::string_view text) {
  std::uint64_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id);
  return id;
}

}  // namespace

InvariantChecker::InvariantChecker(std::chrono::milliseconds time_out)
    : time_out_(time_out),
      timed_out_(failure_reply(Failure::timeout, time_out.count())),
      lost_(failure_reply(Failure::lost)),
      down_(failure_reply(Failure::down)) {}

void InvariantChecker::note(Invariant invariant, std::string_view text, std::uint64_t id) {
  if (broken_.empty()) {
    first_ = "invariant " + std::to_string(static_cast<int>(invariant)) + ": ";
    first_ += text;
    first_ += ", request " + std::to_string(id);
  }
  broken_.insert(invariant);
}

void InvariantChecker::on_sent(std::uint64_t client, std::uint64_t id, std::string_view wire) {
  Asked& asked = asked_[id];
  asked.client = client;
  asked.wire = wire;
  owed_[client].push_back(id);
}

void InvariantChecker::on_arrived(std::uint64_t id, TimePoint now) {
  asked_.at(id).deadline = now + time_out_;
}

void InvariantChecker::on_put_on_lane(std::string_view bytes) {
  protocol::RequestParser parser({});
  if (parser.parse(bytes) == protocol::RequestParser::Status::complete) {
    const std::uint64_t id = to_id(parser.arg(parser.argc() - 1));
    const auto found = asked_.find(id);
    if (found != asked_.end() && found->second.wire == bytes) return;
  }
  note(Invariant::whole_requests, "what was put on the lane is not one whole request");
}

bool InvariantChecker::on_executed(std::string_view wire, std::string_view id,
                                   std::string_view reply) {
  const std::uint64_t number = to_id(id);
  const auto found = asked_.find(number);
  if (found == asked_.end() || found->second.wire != wire) {
    note(Invariant::whole_requests, "the server ran what nobody sent", number);
    return false;
  }
  Asked& asked = found->second;
  std::uint64_t& last = last_run_[asked.client];
  if (!asked.reply.empty()) {
    note(Invariant::never_twice, "executed twice", number);
  } else if (number < last) {
    note(Invariant::one_order, "executed after a later one of its client", number);
  }
  if (asked.not_executed) note(Invariant::no_invented_reply, "said not to be executed", number);
  last = std::max(last, number);
  asked.reply = reply;
  return true;
}

/// The one of the possible replies that `bytes` begins with; empty if there is none (yet).
std::string_view InvariantChecker::match(const Asked& asked, std::string_view bytes) const {
  for (const std::string* reply : {&asked.reply, &timed_out_, &lost_, &down_}) {
    if (!reply->empty() && bytes.starts_with(*reply)) return *reply;
  }
  return {};
}

bool InvariantChecker::may_become_reply(const Asked& asked, std::string_view bytes) const {
  for (const std::string* reply : {&asked.reply, &timed_out_, &lost_, &down_}) {
    if (reply->starts_with(bytes)) return true;
  }
  return false;
}

bool InvariantChecker::on_received(std::uint64_t client, std::string& bytes) {
  std::deque<std::uint64_t>& owed = owed_[client];
  while (!bytes.empty()) {
    if (owed.empty() || asked_.at(owed.front()).deadline == TimePoint::max()) {
      note(Invariant::own_replies, "a reply nobody asked for");
      return false;
    }
    const std::uint64_t id = owed.front();
    Asked& asked = asked_.at(id);
    const std::string_view reply = match(asked, bytes);
    if (reply.empty()) {
      if (may_become_reply(asked, bytes)) return true;
      const bool invented = asked.reply.empty() && bytes.starts_with("+OK");
      note(invented ? Invariant::no_invented_reply : Invariant::own_replies, "not its reply", id);
      return false;
    }
    if (reply == down_) {
      asked.not_executed = true;
      if (!asked.reply.empty()) {
        note(Invariant::no_invented_reply, "said not to be executed", id);
      }
    }
    ++(reply == asked.reply ? answered_by_redis_ : answered_by_failure_);
    bytes.erase(0, reply.size());
    owed.pop_front();
  }
  return true;
}

void InvariantChecker::on_time(TimePoint now) {
  for (const auto& [client, ids] : owed_) {
    if (ids.empty()) continue;
    const TimePoint deadline = asked_.at(ids.front()).deadline;
    if (deadline != TimePoint::max() && now > deadline + kTick) {
      note(Invariant::always_an_answer, "no answer by its deadline", ids.front());
    }
  }
}

std::size_t InvariantChecker::owed() const {
  std::size_t count = 0;
  for (const auto& [client, ids] : owed_) {
    for (const std::uint64_t id : ids) count += asked_.at(id).deadline != TimePoint::max();
  }
  return count;
}

}  // namespace hawser::test
