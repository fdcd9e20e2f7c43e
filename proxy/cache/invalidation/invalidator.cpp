#include "proxy/cache/invalidation/invalidator.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "proxy/cache/invalidation/drain_progress.hpp"
#include "proxy/cache/invalidation/invalidation_targets.hpp"
#include "proxy/cache/random_hex.hpp"
#include "proxy/cache/redis_refusal.hpp"

namespace hawser {

namespace {

/// Before a step that Redis did not take is tried again: at first, and at most. Longer where the
/// user's login is refused, since each try is another login.
constexpr Duration kPause = std::chrono::milliseconds(100);
constexpr Duration kLongestPause = std::chrono::seconds(1);
constexpr Duration kRefusedPause = std::chrono::seconds(5);
/// What was begun for a user whose login is refused for so long is left to others.
constexpr Duration kRefusedForGood = std::chrono::seconds(15);
/// Under way at a time, and bytes of their targets: with ASYNC nobody waits for the end.
constexpr std::size_t kMostJobs = 1000;
constexpr std::size_t kMostBytes = std::size_t{64} << 20;
/// Keys at once while the circuit is not closed: whoever asks then asks on a new connection each
/// time, and the requests of all clients wait for the end.
constexpr std::size_t kRestoringBatch = 1000;
/// So many tags are noted in one step.
constexpr std::size_t kTagsAtOnce = 100;
/// An invalidation is noted for longer than any lease lives that was granted before it.
constexpr std::int64_t kHorizonUs = (kLongestLeaseMs + 60'000) * 1000;
/// What SCAN looks at in one step; few of these may fit the pattern.
constexpr std::string_view kScanCount = "1000";

/// Counts a first step for as long as it is under way.
class Beginning {
 public:
  explicit Beginning(std::shared_ptr<std::size_t> count) : count_(std::move(count)) { ++*count_; }
  Beginning(const Beginning&) = delete;
  Beginning& operator=(const Beginning&) = delete;
  ~Beginning() { --*count_; }

 private:
  std::shared_ptr<std::size_t> count_;
};

}  // namespace

/// One invalidation under way: a sequence of steps, each a request whose answer leads to the next.
/// A step that was lost is repeated: each can be, without harm.
class Invalidator::Job : public std::enable_shared_from_this<Job> {
 public:
  Job(Invalidator& all, Order order, Done begun, Done done)
      : all_(all),
        order_(std::move(order)),
        begun_(std::move(begun)),
        done_(std::move(done)),
        bytes_(bytes_of(order_.targets)),
        again_(all.caller_.upstream().loop(), [this] { proceed(); }) {}
  virtual ~Job() = default;

  /// Goes on: the first step at once, the others in their turn.
  void proceed() {
    again_.cancel();
    if (needs_turn()) {
      all_.enter(shared_from_this());
    } else {
      step();
    }
  }
  void take_turn() {
    has_turn_ = true;
    step();
  }
  bool is_waiting() const { return again_.is_set(); }
  std::size_t bytes() const { return bytes_; }

 protected:
  using Words = ScriptCaller::Words;

  virtual void step() = 0;
  virtual bool needs_turn() const = 0;
  /// Back to the first step, without forgetting what was counted.
  virtual void begin_anew() = 0;
  /// Has a script run for this step; `next` takes its reply.
  void call(Script& script, const Words& keys, const Words& args,
            std::function<void(const ScriptAnswer&)> next) {
    all_.caller_.call(order_.passage, order_.context, script, keys, args, hold(std::move(next)));
  }
  ScriptCaller::Done hold(std::function<void(const ScriptAnswer&)> next) {
    return [weak = weak_from_this(), next = std::move(next)](const ScriptAnswer& answer) {
      if (const auto self = weak.lock()) self->on_answer(answer, next);
    };
  }
  /// Deletes keys, and the leases on them.
  void remove(std::span<const std::string> names, std::function<void()> next) {
    Words keys;
    for (const std::string& name : names) {
      keys.push_back(name);
      keys.push_back(all_.keys_.lease(name));
    }
    call(all_.scripts_.remove, keys, {},
         [this, next = std::move(next)](const ScriptAnswer& answer) {
           count(answer.integer(0));
           next();
         });
  }
  void begin(std::int64_t more) {
    const Done begun = std::exchange(begun_, nullptr);
    InvalidationResult result;
    result.keys = deleted_ + more;
    if (begun) begun(result);
  }
  void count(std::int64_t keys) {
    deleted_ += keys;
    all_.stats_.keys_deleted.add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, keys)));
  }
  std::size_t batch() const { return all_.batch(order_.passage); }
  void note_effect() { has_effect_ = true; }
  void finish(InvalidationResult result = {}) {
    const auto self = shared_from_this();
    result.keys = deleted_;
    result.has_effect = order_.only_finish ? has_effect_ : deleted_ > 0 || is_unsure_;
    std::erase(all_.jobs_, self);
    all_.bytes_ -= bytes_;
    all_.stats_.under_way.set(static_cast<std::int64_t>(all_.jobs_.size()));
    release();
    done_(result);
  }

  Invalidator& all_;
  const Order order_;

 private:
  void on_answer(const ScriptAnswer& answer, const std::function<void(const ScriptAnswer&)>& next) {
    const auto self = shared_from_this();
    const bool had_turn = std::exchange(has_turn_, false);
    switch (answer.kind) {
      case ScriptAnswer::Kind::reply:
        pause_ = kPause;
        refused_since_.reset();
        if (!order_.only_finish) note_effect();
        if (is_other_server()) {
          begin_anew();
          proceed();
        } else {
          next(answer);
        }
        break;
      case ScriptAnswer::Kind::not_sent:
        if (has_effect_) {
          try_again();
        } else {
          finish({InvalidationResult::Kind::not_sent, 0, {}, answer.failure, answer.number});
        }
        break;
      case ScriptAnswer::Kind::unknown:
        note_effect();
        is_unsure_ = true;
        is_lost_ = true;
        // Whoever asks in this way begins anew when the upstream is back.
        if (order_.passage == Passage::control) {
          finish({InvalidationResult::Kind::not_sent, 0, {}, Failure::down, 0});
        } else {
          try_again();
        }
        break;
      case ScriptAnswer::Kind::error: {
        const bool is_passing = refusal_of(answer.error) != Refusal::final;
        if (is_passing && has_effect_ && order_.passage == Passage::lane) {
          try_again();
        } else {
          finish({InvalidationResult::Kind::error, 0, answer.error, {}, 0});
        }
        break;
      }
    }
    if (had_turn) all_.leave();
  }
  /// Whether this answer came from another run of the server than the one before: what was done
  /// then may be undone there, and where it stood means nothing.
  bool is_other_server() {
    if (order_.passage == Passage::control) return false;
    const MainLane* lane = all_.caller_.upstream().find_main_lane(order_.context);
    const std::uint64_t server = lane != nullptr ? lane->server() : 0;
    const bool was_lost = std::exchange(is_lost_, false);
    if (!std::exchange(is_answered_, true)) {
      server_ = server;
      return false;
    }
    return std::exchange(server_, server) != server || (server == 0 && was_lost);
  }
  /// After a pause that grows; or never, if it is the user who is refused.
  void try_again() {
    Upstream& upstream = all_.caller_.upstream();
    const TimePoint now = upstream.loop().now();
    Duration longest = kLongestPause;
    if (upstream.circuit().allows()) {
      const MainLane* lane = upstream.find_main_lane(order_.context);
      if (lane == nullptr || !lane->is_refused()) {
        refused_since_.reset();
      } else {
        longest = kRefusedPause;
        if (!refused_since_) refused_since_ = now;
        if (now - *refused_since_ >= kRefusedForGood) {
          upstream.log().warn("an invalidation is given up: Redis refuses its user",
                              {{"target", order_.targets.front()},
                               {"targets", order_.targets.size()},
                               {"deleted", deleted_}});
          all_.stats_.given_up.add();
          finish({InvalidationResult::Kind::error,
                  0,
                  failure_reply(Failure::lost),  // Some of it is done.
                  {},
                  0});
          return;
        }
      }
    }
    again_.set(now + pause_);
    pause_ = std::min(pause_ * 2, longest);
  }
  void release() {
    if (std::exchange(has_turn_, false)) all_.leave();
  }

  Done begun_;
  const Done done_;
  const std::size_t bytes_;
  Timer again_;
  Duration pause_ = kPause;
  std::optional<TimePoint> refused_since_;
  std::int64_t deleted_ = 0;
  bool has_turn_ = false;
  bool has_effect_ = false;  ///< A step was executed, or may have been: it is to be ended.
  bool is_unsure_ = false;   ///< An answer was lost ...
  bool is_lost_ = false;     ///< ... since the last one came.
  bool is_answered_ = false;
  std::uint64_t server_ = 0;  ///< Which gave the last answer; 0: not known.
};

/// Notes the tags, then empties what was set apart under each.
class Invalidator::TagsJob final : public Job {
 public:
  TagsJob(Invalidator& all, Order order, Done begun, Done done)
      : Job(all, std::move(order), std::move(begun), std::move(done)) {
    reset();
  }
  ~TagsJob() override {
    while (!left_.empty()) pop();
  }

  void step() override {
    if (noted_ < order_.targets.size()) {
      note();
    } else if (!left_.empty()) {
      drain();
    } else if (refusal_.empty()) {
      finish();
    } else {
      finish({InvalidationResult::Kind::error, 0, refusal_, {}, 0});
    }
  }

 private:
  struct Left {
    std::size_t tag;
    DrainProgress progress;
  };

  bool needs_turn() const override { return noted_ == order_.targets.size() && !left_.empty(); }
  void begin_anew() override { reset(); }

  void reset() {
    while (!left_.empty()) pop();
    noted_ = order_.only_finish ? order_.targets.size() : 0;
    apart_ = 0;
    refusal_.clear();
    for (std::size_t i = 0; i < noted_; ++i) push({i, DrainProgress(0)});
  }

  void note() {
    const std::size_t count = std::min(kTagsAtOnce, order_.targets.size() - noted_);
    Words keys = {all_.keys_.invalidated(), all_.keys_.drains(), all_.keys_.draining(),
                  all_.keys_.last()};
    // Many that begin at once share what may be deleted at once.
    Words args = {std::to_string(batch() / (1 + *all_.beginning_)), std::to_string(kHorizonUs),
                  random_hex()};
    for (std::size_t i = noted_; i < noted_ + count; ++i) {
      keys.push_back(all_.keys_.index(order_.targets[i]));
      keys.push_back(all_.keys_.drain(order_.targets[i]));
      args.push_back(order_.targets[i]);
    }
    const auto beginning = std::make_shared<Beginning>(all_.beginning_);
    call(all_.scripts_.invalidate, keys, args,
         [this, count, beginning](const ScriptAnswer& answer) { on_noted(answer, count); });
  }

  void on_noted(const ScriptAnswer& answer, std::size_t count_of_tags) {
    for (std::size_t i = 4; i < answer.items.size(); ++i) {
      const auto tag = noted_ + static_cast<std::size_t>(answer.integer(i)) - 1;
      push({tag, DrainProgress(answer.integer(0))});
    }
    noted_ += count_of_tags;
    count(answer.integer(1));
    apart_ += answer.integer(2);
    if (answer.items.size() > 3 && !answer.items[3].empty()) {
      refusal_ = "-" + answer.items[3] + "\r\n";
      noted_ = order_.targets.size();  // It ends with what was set apart.
      proceed();
      return;
    }
    if (noted_ == order_.targets.size()) begin(apart_);
    proceed();
  }

  /// A batch of each tag in turn: those that wait stay young, so that nobody takes them for left.
  void drain() {
    const std::string& tag = order_.targets[left_.front().tag];
    call(all_.scripts_.drain,
         {all_.keys_.drains(), all_.keys_.draining(), all_.keys_.index(tag), all_.keys_.drain(tag),
          all_.keys_.invalidated()},
         {tag, std::to_string(batch()), left_.front().progress.wants_rename() ? "1" : "0"},
         [this](const ScriptAnswer& answer) {
           // Finishing for others has an effect only where there was something.
           if (answer.integer(0) != 0) note_effect();
           count(answer.integer(1));
           if (left_.front().progress.on_batch(answer.integer(0), answer.integer(2))) {
             pop();
           } else {
             left_.push_back(left_.front());
             left_.pop_front();
           }
           proceed();
         });
  }

  Place place_of(const Left& left) const {
    return {order_.context.user, order_.context.database, order_.targets[left.tag]};
  }
  void push(const Left& left) {
    left_.push_back(left);
    all_.draining_.insert(place_of(left));
  }
  void pop() {
    all_.draining_.erase(all_.draining_.find(place_of(left_.front())));
    left_.pop_front();
  }

  std::size_t noted_ = 0;  ///< Tags.
  std::int64_t apart_ = 0;
  std::string refusal_;  ///< Redis' error to one of the tags.
  std::deque<Left> left_;
};

/// Deletes keys by their names.
class Invalidator::KeysJob final : public Job {
 public:
  using Job::Job;

  void step() override {
    if (order_.targets.empty()) {  // All were hawser's own.
      begin(0);
      finish();
      return;
    }
    const std::size_t size = std::min(batch(), order_.targets.size() - at_);
    remove(std::span(order_.targets).subspan(at_, size), [this, size] {
      at_ += size;
      begin(static_cast<std::int64_t>(order_.targets.size() - at_));
      if (at_ == order_.targets.size()) {
        finish();
      } else {
        proceed();
      }
    });
  }

 private:
  bool needs_turn() const override { return true; }
  void begin_anew() override { at_ = 0; }

  std::size_t at_ = 0;
};

/// Voids all leases, since which of them are on keys that fit cannot be seen; then walks through
/// the database.
class Invalidator::PatternJob final : public Job {
 public:
  using Job::Job;

  void step() override {
    if (!is_noted_) {
      call(all_.scripts_.void_leases, {all_.keys_.invalidated(), all_.keys_.last()},
           {std::to_string(kHorizonUs), random_hex()}, [this](const ScriptAnswer&) {
             is_noted_ = true;
             begin(0);
             proceed();
           });
    } else if (!found_.empty()) {
      remove_found();
    } else if (at_ < order_.targets.size()) {
      scan();
    } else {
      finish();
    }
  }

 private:
  bool needs_turn() const override { return is_noted_; }
  void begin_anew() override {
    is_noted_ = false;
    at_ = 0;
    cursor_ = "0";
    found_.clear();
  }

  void scan() {
    all_.caller_.command(
        order_.passage, order_.context,
        {"SCAN", cursor_, "MATCH", order_.targets[at_], "COUNT", std::string(kScanCount)},
        hold([this](const ScriptAnswer& answer) {
          cursor_ = answer.items.empty() ? "0" : answer.items.front();
          for (std::size_t i = 1; i < answer.items.size(); ++i) {
            // Indexes lose their members with time; what is to be deleted must not be forgotten.
            if (!all_.keys_.is_reserved(answer.items[i])) found_.push_back(answer.items[i]);
          }
          if (cursor_ == "0") ++at_;
          proceed();
        }));
  }

  void remove_found() {
    const std::size_t size = std::min(batch(), found_.size());
    remove(std::span(found_).last(size), [this, size] {
      found_.resize(found_.size() - size);
      proceed();
    });
  }

  bool is_noted_ = false;
  std::size_t at_ = 0;  ///< Pattern.
  std::string cursor_ = "0";
  std::vector<std::string> found_;
};

Invalidator::Invalidator(ScriptCaller& caller, const CacheKeys& keys, CacheStats& stats)
    : caller_(caller),
      keys_(keys),
      stats_(stats),
      scripts_{caller.upstream().scripts().add(lua::kInvalidate),
               caller.upstream().scripts().add(lua::kDrain),
               caller.upstream().scripts().add(lua::kVoidLeases),
               caller.upstream().scripts().add(lua::kDelete)} {}

Invalidator::~Invalidator() = default;

void Invalidator::perform(Order order, Done begun, Done done) {
  const bool is_accepted = order.is_accepted || order.only_finish;
  const std::size_t bytes = bytes_of(order.targets);
  if (!is_accepted && (jobs_.size() >= kMostJobs || bytes_ + bytes > kMostBytes)) {
    done({InvalidationResult::Kind::not_sent, 0, {}, Failure::full_invalidations, 0});
    return;
  }
  std::shared_ptr<Job> job;
  switch (order.type) {
    case BusMessage::Type::tags:
      job = std::make_shared<TagsJob>(*this, std::move(order), std::move(begun), std::move(done));
      break;
    case BusMessage::Type::keys:
      job = std::make_shared<KeysJob>(*this, std::move(order), std::move(begun), std::move(done));
      break;
    case BusMessage::Type::pattern:
      job =
          std::make_shared<PatternJob>(*this, std::move(order), std::move(begun), std::move(done));
      break;
  }
  jobs_.push_back(job);
  bytes_ += bytes;
  stats_.under_way.set(static_cast<std::int64_t>(jobs_.size()));
  job->proceed();
}

void Invalidator::resume() {
  const auto jobs = jobs_;
  for (const auto& job : jobs) {
    if (job->is_waiting()) job->proceed();
  }
}

void Invalidator::enter(const std::shared_ptr<Job>& job) {
  line_.push_back(job);
  serve();
}

void Invalidator::leave() {
  is_batch_under_way_ = false;
  serve();
}

/// If no batch is under way the next in line sends its own, which may end at once.
void Invalidator::serve() {
  if (is_serving_) return;
  is_serving_ = true;
  while (!is_batch_under_way_ && !line_.empty()) {
    const auto next = line_.front().lock();
    line_.pop_front();
    if (next == nullptr) continue;
    is_batch_under_way_ = true;
    next->take_turn();
  }
  is_serving_ = false;
}

std::size_t Invalidator::batch(Passage passage) const {
  if (passage == Passage::control) return kRestoringBatch;
  return static_cast<std::size_t>(caller_.upstream().settings().cache.batch);
}

}  // namespace hawser
