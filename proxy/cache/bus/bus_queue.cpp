#include "proxy/cache/bus/bus_queue.hpp"

#include <utility>

#include "protocol/reply_framer.hpp"
#include "proxy/traffic/failure.hpp"

namespace hawser {

void BusQueue::push(std::string request, Done done) {
  bytes_ += request.size();
  messages_.push_back({std::move(request), std::move(done), {}, false});
}

BusQueue::Batch BusQueue::send(std::size_t most, std::size_t most_bytes) {
  Batch batch;
  while (batch.count < messages_.size() && batch.count < most) {
    const std::string& request = messages_[batch.count].request;
    if (batch.count > 0 && batch.requests.size() + request.size() > most_bytes) break;
    batch.requests += request;
    ++batch.count;
  }
  batch_ = batch.count;
  outstanding_ = batch.count;
  is_stuck_ = true;
  has_failed_ = false;
  return batch;
}

void BusQueue::on_reply(std::size_t place, std::string_view reply) {
  if (find_rejection(protocol::error_word(reply)) != nullptr) {
    messages_[place].rejection = reply;
  } else {
    // Receivers will take what comes after this one for a repetition.
    for (std::size_t i = 0; i < place; ++i) {
      if (messages_[i].rejection.empty()) continue;
      const std::string rejection = std::exchange(messages_[i].rejection, {});
      answer(messages_[i], rejection);
    }
    answer(messages_[place], reply);
  }
  on_end();
}

void BusQueue::on_failure(std::size_t /*place*/) {
  on_end();
}

/// What is called may queue more, and drop some: `message` may be elsewhere then.
void BusQueue::answer(Message& message, std::string_view reply) {
  is_stuck_ = false;
  message.is_answered = true;
  const Done done = std::exchange(message.done, nullptr);
  on_answer_(reply);
  if (done) done(reply);
}

/// One has come to its end. After the last, those with an answer leave.
void BusQueue::on_end() {
  if (--outstanding_ > 0) return;
  for (std::size_t i = batch_; i-- > 0;) {
    messages_[i].rejection.clear();
    if (!messages_[i].is_answered) {
      has_failed_ = true;
      continue;
    }
    bytes_ -= messages_[i].request.size();
    messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  batch_ = 0;
}

bool BusQueue::drop(std::string_view failure) {
  if (batch_ >= messages_.size()) return false;
  const auto oldest = messages_.begin() + static_cast<std::ptrdiff_t>(batch_);
  bytes_ -= oldest->request.size();
  const Done done = std::move(oldest->done);
  messages_.erase(oldest);
  if (messages_.empty()) has_failed_ = is_stuck_ = false;
  if (done) done(failure);
  return true;
}

}  // namespace hawser
