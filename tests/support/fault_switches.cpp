// Defects to be switched on by HAWSER_FAULT in the test-only binary hawser_faulty, at least one for
// each invariant, so that it can be shown that its test notices. The linker puts the functions
// below in the place of the real ones (--wrap); the shipped binary knows nothing of them.

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/downstream/dispatcher.hpp"
#include "proxy/downstream/reply_queue.hpp"
#include "proxy/runtime/timer.hpp"
#include "proxy/upstream/lane.hpp"
#include "proxy/upstream/main_lane.hpp"

// A wrapped symbol's name is the compiler's name of the real function.
#define OPEN "_ZN6hawser10ReplyQueue4openERKNS_7RequestEb"
#define SUBMIT "_ZN6hawser4Lane6submitENS_10SubmissionE"
#define ROUTE "_ZN6hawser10Dispatcher5routeESt17basic_string_viewIcSt11char_traitsIcEERNS_7HandlerE"
#define IS_FULL "_ZNK6hawser8MainLane7is_fullEmRNS_7FailureE"
#define SET_NO_LATER                                                                       \
  "_ZN6hawser5Timer17set_no_later_thanENSt6chrono10time_pointINS1_3_V212steady_clockENS1_" \
  "8durationIlSt5ratioILl1ELl1000000000EEEEEE"
#define FAILURE_REPLY "_ZN6hawser13failure_replyB5cxx11ENS_7FailureEl"

namespace hawser {

SlotHandle real_open(ReplyQueue* self, const Request& request, bool muted) asm("__real_" OPEN);
SlotHandle faulty_open(ReplyQueue* self, const Request& request, bool muted) asm("__wrap_" OPEN);
void real_submit(Lane* self, Submission submission) asm("__real_" SUBMIT);
void faulty_submit(Lane* self, Submission submission) asm("__wrap_" SUBMIT);
void real_route(Dispatcher* self, std::string_view name, Handler& handler) asm("__real_" ROUTE);
void faulty_route(Dispatcher* self, std::string_view name, Handler& handler) asm("__wrap_" ROUTE);
bool real_is_full(const MainLane* self, std::size_t bytes, Failure& why) asm("__real_" IS_FULL);
bool faulty_is_full(const MainLane* self, std::size_t bytes, Failure& why) asm("__wrap_" IS_FULL);
void real_set(Timer* self, TimePoint when) asm("__real_" SET_NO_LATER);
void faulty_set(Timer* self, TimePoint when) asm("__wrap_" SET_NO_LATER);
std::string real_failure_reply(Failure failure, std::int64_t number) asm("__real_" FAILURE_REPLY);
std::string faulty_failure_reply(Failure failure, std::int64_t number) asm("__wrap_" FAILURE_REPLY);

namespace {

bool fault(std::string_view name) {
  static const char* const chosen = std::getenv("HAWSER_FAULT");
  return chosen != nullptr && name == chosen;
}

/// A request kept back, with the bytes it needs to live on.
struct Kept {
  std::string bytes;
  Submission submission;
};

}  // namespace

/// crossed_reply: now and then the replies of two clients are exchanged.
SlotHandle faulty_open(ReplyQueue* self, const Request& request, bool muted) {
  SlotHandle own = real_open(self, request, muted);
  if (!fault("crossed_reply")) return own;
  static SlotHandle other;
  static int count = 0;
  if (++count % 50 == 0) std::swap(own, other);
  if (!own) return real_open(self, request, muted);
  return own;
}

/// partial_request, reordered, executed_twice: what goes upstream is not what was asked.
void faulty_submit(Lane* self, Submission submission) {
  static std::unique_ptr<Kept> kept;
  static int count = 0;
  ++count;
  if (fault("partial_request") && count % 40 == 0) {
    submission.block = nullptr;
    submission.bytes.remove_suffix(1);
  } else if (fault("executed_twice") && count % 10 == 0) {
    const std::string again(submission.bytes);
    real_submit(self, std::move(submission));
    Submission second;
    second.bytes = again;
    real_submit(self, std::move(second));
    return;
  } else if (fault("reordered") && kept == nullptr && submission.bytes.find("SET") == 8) {
    kept = std::make_unique<Kept>();
    kept->bytes = submission.bytes;
    kept->submission = std::move(submission);
    kept->submission.bytes = kept->bytes;
    kept->submission.block = nullptr;
    return;
  }
  real_submit(self, std::move(submission));
  if (kept != nullptr) {
    const auto late = std::move(kept);
    real_submit(self, std::move(late->submission));
  }
}

/// shared_state: SELECT is sent on the shared lane as if it were an ordinary command.
void faulty_route(Dispatcher* self, std::string_view name, Handler& handler) {
  if (fault("shared_state") && name == "select") return;
  real_route(self, name, handler);
}

/// unbounded: a lane's limits do not hold.
bool faulty_is_full(const MainLane* self, std::size_t bytes, Failure& why) {
  return !fault("unbounded") && real_is_full(self, bytes, why);
}

/// no_answer: deadlines never come.
void faulty_set(Timer* self, TimePoint when) {
  if (!fault("no_answer")) real_set(self, when);
}

/// invented_ok: what failed is said to have been done.
std::string faulty_failure_reply(Failure failure, std::int64_t number) {
  return fault("invented_ok") ? "+OK\r\n" : real_failure_reply(failure, number);
}

}  // namespace hawser
