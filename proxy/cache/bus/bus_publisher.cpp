#include "proxy/cache/bus/bus_publisher.hpp"

#include <algorithm>
#include <chrono>

#include "protocol/reply_framer.hpp"
#include "proxy/cache/bus/bus_message.hpp"
#include "proxy/cache/random_hex.hpp"

namespace hawser {

namespace {

/// Before a batch that was not answered is sent again: doubling from the first to the second.
constexpr Duration kShortestPause = std::chrono::milliseconds(50);
constexpr Duration kLongestPause = std::chrono::seconds(1);
/// Ways to Redis before those with nothing to send are forgotten.
constexpr std::size_t kMostLines = 64;

}  // namespace

/// Takes the replies to one batch. Lives as long as a lane knows of it.
class BusPublisher::BatchSink final : public ReplySink {
 public:
  BatchSink(BusPublisher& owner, Line& line) : owner_(&owner), line_(line) {}
  /// Nobody waits for the replies any more.
  void detach() { owner_ = nullptr; }

  void on_reply(std::uint32_t place, Reply reply) override;
  void on_failure(std::uint32_t place, Failure failure, std::int64_t number) override;

 private:
  BusPublisher* owner_;
  Line& line_;
};

struct BusPublisher::Line {
  Line(BusPublisher& owner, const Context& of, std::string name)
      : context(of),
        origin(std::move(name)),
        queue([&owner](std::string_view reply) { owner.on_answer(reply); }),
        again(owner.upstream_.loop(), [this, &owner] { owner.send_again(*this); }) {}

  const Context context;
  const std::string origin;
  std::uint64_t sequence = 0;  ///< Of the last message.
  BusQueue queue;
  SinkPtr<BatchSink> sink;  ///< While a batch is under way.
  Timer again;
  Duration pause{};
};

void BusPublisher::BatchSink::on_reply(std::uint32_t place, Reply reply) {
  if (owner_ == nullptr) return;
  line_.queue.on_reply(place, reply.bytes);
  if (!line_.queue.is_sending()) owner_->on_batch_end(line_);
}

void BusPublisher::BatchSink::on_failure(std::uint32_t place, Failure /*failure*/,
                                         std::int64_t /*number*/) {
  if (owner_ == nullptr) return;
  line_.queue.on_failure(place);
  if (!line_.queue.is_sending()) owner_->on_batch_end(line_);
}

BusPublisher::BusPublisher(Upstream& upstream, std::string channel, CacheStats& stats)
    : BusPublisher(upstream, std::move(channel), stats, Limits{}) {}

BusPublisher::BusPublisher(Upstream& upstream, std::string channel, CacheStats& stats,
                           const Limits& limits)
    : upstream_(upstream),
      channel_(std::move(channel)),
      stats_(stats),
      limits_(limits),
      origin_(upstream.instance() + "-" + random_hex()) {
  upstream.circuit().add_listener(*this);
}

BusPublisher::~BusPublisher() {
  upstream_.loop().withdraw(*this);
  for (const auto& line : lines_) {
    if (line->sink.get() != nullptr) line->sink->detach();
  }
}

/// The upstream URL's user has the publisher lane, whatever the context.
BusPublisher::Line& BusPublisher::line_of(const Context& publisher) {
  const Context context = publisher.user == kUpstreamUser ? Context{} : publisher;
  for (const auto& line : lines_) {
    if (line->context == context) return *line;
  }
  if (lines_.size() >= kMostLines) upstream_.loop().at_turn_end(*this);
  std::string origin = origin_;
  if (context.user != kUpstreamUser) origin += "/" + std::to_string(++lines_made_);
  lines_.push_back(std::make_unique<Line>(*this, context, std::move(origin)));
  return *lines_.back();
}

void BusPublisher::publish(const Context& publisher, std::string_view json, Done done) {
  using std::chrono::system_clock;
  const auto time =
      std::chrono::duration_cast<std::chrono::milliseconds>(system_clock::now().time_since_epoch());
  Line& line = line_of(publisher);
  const std::string message = stamp(json, line.origin, ++line.sequence, time.count());
  std::string request;
  protocol::append_command(request, {"PUBLISH", channel_, message});
  line.queue.push(std::move(request), std::move(done));
  // A pause is kept, so that nothing is tried more often for there being more to send.
  if (!line.queue.is_sending() && !line.again.is_set()) send(line);
  make_room();
}

std::size_t BusPublisher::waiting() const {
  std::size_t sum = 0;
  for (const auto& line : lines_) sum += line->queue.size();
  return sum;
}

/// Gives up the oldest of those of whom the most wait, until there is room.
void BusPublisher::make_room() {
  while (true) {
    std::size_t messages = 0;
    std::size_t bytes = 0;
    for (const auto& line : lines_) {
      messages += line->queue.size();
      bytes += line->queue.bytes();
    }
    const bool is_too_many = messages > limits_.messages;
    if (!is_too_many && bytes <= limits_.bytes) return;
    std::vector<Line*> order;
    for (const auto& line : lines_) order.push_back(line.get());
    std::sort(order.begin(), order.end(), [&](const Line* a, const Line* b) {
      return is_too_many ? a->queue.size() > b->queue.size() : a->queue.bytes() > b->queue.bytes();
    });
    const bool dropped = std::any_of(order.begin(), order.end(), [](Line* line) {
      return line->queue.drop(failure_reply(Failure::lost));
    });
    if (!dropped) return;  // All of it is under way.
    stats_.dropped.add();
    warn("invalidations were not published: receivers will notice a gap", "too many wait",
         dropped_log_);
  }
}

/// Whether nothing of it could be sent: hawser does not know the user's password any more.
bool BusPublisher::is_hopeless(const Line& line) {
  if (line.context.user == kUpstreamUser || !line.queue.is_stuck()) return false;
  const MainLane* lane = upstream_.find_main_lane(line.context);
  return lane != nullptr && lane->is_refused();
}

void BusPublisher::send(Line& line) {
  if (line.queue.empty() || line.queue.is_sending()) return;
  if (!upstream_.circuit().allows()) {
    line.again.set(upstream_.loop().now() + kLongestPause);  // Or when the circuit is closed.
    return;
  }
  MainLane* lane = line.context.user == kUpstreamUser ? &upstream_.publisher()
                                                      : upstream_.main_lane(line.context);
  const BusQueue::Batch batch = line.queue.send(limits_.batch, limits_.batch_bytes);
  line.sink = SinkPtr<BatchSink>(new BatchSink(*this, line));
  std::vector<SlotHandle> slots;
  slots.reserve(batch.count);
  for (std::size_t i = 0; i < batch.count; ++i) {
    slots.emplace_back(*line.sink, static_cast<std::uint32_t>(i));
  }
  // As a block: all of it waits for a connection together, and nothing in it is sent again alone.
  Request last;
  last.command = protocol::find_command("publish");
  last.arrived = upstream_.loop().now();
  upstream_.forward_block(lane, batch.requests, std::move(slots), last);
}

void BusPublisher::send_again(Line& line) {
  if (!is_hopeless(line)) {
    send(line);
    return;
  }
  while (line.queue.drop(failure_reply(Failure::down))) stats_.dropped.add();
  warn("invalidations were not published: receivers will notice a gap",
       "the upstream refuses the user", dropped_log_);
}

/// Sends what is left of a batch, after a pause, and what came meanwhile.
void BusPublisher::on_batch_end(Line& line) {
  line.sink = SinkPtr<BatchSink>();
  if (!line.queue.is_stuck()) line.pause = {};
  if (!line.queue.has_failed()) {
    send(line);
    return;
  }
  line.pause = std::clamp(line.pause * 2, kShortestPause, kLongestPause);
  line.again.set(upstream_.loop().now() + line.pause);
}

void BusPublisher::on_answer(std::string_view reply) {
  const std::string_view error = protocol::error_text(reply);
  if (error.empty()) {
    stats_.published.add();
    return;
  }
  stats_.refused.add();
  warn("the upstream refused an invalidation: receivers will notice a gap", error, refused_log_);
}

void BusPublisher::warn(std::string_view message, std::string_view reason, RateLimit& limit) {
  std::uint64_t suppressed = 0;
  if (!limit.allow(upstream_.loop().now(), suppressed)) return;
  upstream_.log().warn(message,
                       {{"channel", channel_}, {"reason", reason}, {"suppressed", suppressed}});
}

/// Ways to Redis that have nothing to send are forgotten, when nobody is being told of a reply. One
/// that is made again has another origin, since its sequence begins anew.
void BusPublisher::on_turn_end() {
  std::erase_if(lines_, [](const auto& line) {
    return line->queue.empty() && line->context.user != kUpstreamUser;
  });
}

void BusPublisher::on_circuit(const CircuitState& state) {
  if (!state.is_closed()) return;
  for (const auto& line : lines_) {
    if (!line->queue.empty() && !line->queue.is_sending()) line->again.set(upstream_.loop().now());
  }
}

}  // namespace hawser
