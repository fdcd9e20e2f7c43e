#include "proxy/cache/invalidator.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "proxy/cache/drain_progress.hpp"
#include "proxy/cache/lease_token.hpp"

namespace hawser {

namespace {

/// Before a step that Redis did not take is tried again.
constexpr Duration kPause = std::chrono::milliseconds(100);
/// So many tags are noted in one step.
constexpr std::size_t kTagsAtOnce = 100;
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

bool is_rejected(const ScriptAnswer& answer) {
  return answer.kind == ScriptAnswer::Kind::error &&
         find_rejection(protocol::error_word(answer.error)) != nullptr;
}

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

 protected:
  using Words = ScriptCaller::Words;

  virtual void step() = 0;
  virtual bool needs_turn() const = 0;
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
  void begin(std::int64_t more) {
    is_begun_ = true;
    const Done begun = std::exchange(begun_, nullptr);
    InvalidationResult result;
    result.keys = deleted_ + more;
    if (begun) begun(result);
  }
  void count(std::int64_t keys) {
    deleted_ += keys;
    all_.stats_.keys_deleted.add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, keys)));
  }
  void finish(InvalidationResult result = {}) {
    const auto self = shared_from_this();
    result.keys = deleted_;
    std::erase(all_.jobs_, self);
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
        next(answer);
        break;
      case ScriptAnswer::Kind::not_sent:
        if (!is_begun_ && !may_have_begun_) {
          finish({InvalidationResult::Kind::not_sent, 0, {}, answer.failure, answer.number});
          break;
        }
        again_.set(all_.caller_.upstream().loop().now() + kPause);
        break;
      case ScriptAnswer::Kind::unknown:
        // Whoever asks in this way begins anew when the upstream is back.
        if (order_.passage == Passage::control) {
          finish({InvalidationResult::Kind::not_sent, 0, {}, Failure::down, 0});
          break;
        }
        may_have_begun_ = true;
        again_.set(all_.caller_.upstream().loop().now() + kPause);
        break;
      case ScriptAnswer::Kind::error:
        if (is_rejected(answer) && (is_begun_ || may_have_begun_)) {
          again_.set(all_.caller_.upstream().loop().now() + kPause);
        } else {
          finish({InvalidationResult::Kind::error, 0, answer.error, {}, 0});
        }
        break;
    }
    if (had_turn) all_.leave();
  }
  void release() {
    if (std::exchange(has_turn_, false)) all_.leave();
  }

  Done begun_;
  const Done done_;
  Timer again_;
  std::int64_t deleted_ = 0;
  bool has_turn_ = false;
  bool is_begun_ = false;
  bool may_have_begun_ = false;
};

/// Notes the tags, then empties what was set apart under each.
class Invalidator::TagsJob final : public Job {
 public:
  TagsJob(Invalidator& all, Order order, Done begun, Done done)
      : Job(all, std::move(order), std::move(begun), std::move(done)) {
    if (order_.only_finish) {
      noted_ = order_.targets.size();
      for (std::size_t i = 0; i < noted_; ++i) left_.push_back({i, DrainProgress(0)});
    }
  }

  void step() override {
    if (noted_ < order_.targets.size()) {
      note();
    } else if (!left_.empty()) {
      drain();
    } else {
      finish();
    }
  }

 private:
  struct Left {
    std::size_t tag;
    DrainProgress progress;
  };

  bool needs_turn() const override { return noted_ == order_.targets.size() && !left_.empty(); }

  void note() {
    const std::size_t count = std::min(kTagsAtOnce, order_.targets.size() - noted_);
    Words keys = {all_.keys_.invalidated(), all_.keys_.drains(), all_.keys_.draining(),
                  all_.keys_.last()};
    // Many that begin at once share what may be deleted at once.
    Words args = {std::to_string(all_.batch() / (1 + *all_.beginning_)),
                  std::to_string((kLongestLeaseMs + 60'000) * 1000), all_.new_generation()};
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
    for (std::size_t i = 3; i < answer.items.size(); ++i) {
      const auto tag = noted_ + static_cast<std::size_t>(answer.integer(i)) - 1;
      left_.push_back({tag, DrainProgress(answer.integer(0))});
    }
    noted_ += count_of_tags;
    count(answer.integer(1));
    apart_ += answer.integer(2);
    if (noted_ == order_.targets.size()) begin(apart_);
    proceed();
  }

  void drain() {
    const std::string& tag = order_.targets[left_.front().tag];
    call(all_.scripts_.drain,
         {all_.keys_.drains(), all_.keys_.draining(), all_.keys_.index(tag), all_.keys_.drain(tag),
          all_.keys_.invalidated()},
         {tag, std::to_string(all_.batch()), left_.front().progress.wants_rename() ? "1" : "0"},
         [this](const ScriptAnswer& answer) {
           count(answer.integer(1));
           if (left_.front().progress.on_batch(answer.integer(0), answer.integer(2))) {
             left_.pop_front();
           }
           proceed();
         });
  }

  std::size_t noted_ = 0;  ///< Tags.
  std::int64_t apart_ = 0;
  std::deque<Left> left_;
};

/// Deletes keys by their names.
class Invalidator::KeysJob final : public Job {
 public:
  using Job::Job;

  void step() override {
    const std::size_t size = std::min(all_.batch(), order_.targets.size() - at_);
    Words keys;
    for (std::size_t i = at_; i < at_ + size; ++i) {
      keys.push_back(order_.targets[i]);
      keys.push_back(all_.keys_.lease(order_.targets[i]));
    }
    call(all_.scripts_.remove, keys, {}, [this, size](const ScriptAnswer& answer) {
      count(answer.integer(0));
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
           {std::to_string((kLongestLeaseMs + 60'000) * 1000), all_.new_generation()},
           [this](const ScriptAnswer&) {
             is_noted_ = true;
             begin(0);
             proceed();
           });
    } else if (!found_.empty()) {
      remove();
    } else if (at_ < order_.targets.size()) {
      scan();
    } else {
      finish();
    }
  }

 private:
  bool needs_turn() const override { return is_noted_; }

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

  void remove() {
    const std::size_t size = std::min(all_.batch(), found_.size());
    Words keys;
    for (std::size_t i = found_.size() - size; i < found_.size(); ++i) {
      keys.push_back(found_[i]);
      keys.push_back(all_.keys_.lease(found_[i]));
    }
    call(all_.scripts_.remove, keys, {}, [this, size](const ScriptAnswer& answer) {
      count(answer.integer(0));
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

std::size_t Invalidator::batch() const {
  return static_cast<std::size_t>(caller_.upstream().settings().cache.batch);
}

std::string Invalidator::new_generation() {
  static thread_local std::random_device random;
  return to_hex(std::uint64_t{random()} << 32 | random());
}

}  // namespace hawser
