#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

namespace hawser {

/// The messages of one origin on their way to Redis, in the order of their sequence, kept until
/// each is answered. A few at a time are sent together, and the next only when all of those have
/// come to an end: so whatever is lost, refused for now or answered too late, what is sent again
/// begins with the first one that has no answer, and no message reaches Redis for the first time
/// behind a later one. Pure; owned by the BusPublisher.
class BusQueue {
 public:
  /// The reply as it came, or the error of a failure; may queue more messages.
  using Done = std::function<void(std::string_view reply)>;
  /// `on_answer` hears each reply that is given to a message's own `done`, before that.
  explicit BusQueue(Done on_answer) : on_answer_(std::move(on_answer)) {}

  /// `request`: the PUBLISH as it is sent.
  void push(std::string request, Done done);

  /// The next messages to send: at least one, and more up to so many, and so many bytes together.
  /// Every one of them is to be told on_reply() or on_failure(), by its place. REQUIRES: !empty()
  /// and !is_sending().
  struct Batch {
    std::string requests;
    std::size_t count = 0;
  };
  Batch send(std::size_t most, std::size_t most_bytes);

  /// An error by which Redis says that it will take the message later (failure.hpp) is no answer,
  /// unless it took a later one of the batch.
  void on_reply(std::size_t place, std::string_view reply);
  /// There is no reply: it may have been executed or not, and is sent again.
  void on_failure(std::size_t place);

  /// Whether messages of a batch have not come to an end.
  bool is_sending() const { return outstanding_ > 0; }
  /// Whether of the last batch some are to be sent again.
  bool has_failed() const { return has_failed_; }
  /// Whether the last batch brought no answer at all.
  bool is_stuck() const { return is_stuck_; }
  bool empty() const { return messages_.empty(); }
  std::size_t size() const { return messages_.size(); }
  /// Of all requests in it.
  std::size_t bytes() const { return bytes_; }

  /// Gives up the oldest message that is not being sent, and answers it with `failure`. Returns
  /// whether there was one.
  bool drop(std::string_view failure);

 private:
  struct Message {
    std::string request;
    Done done;
    std::string rejection;  ///< Redis' words, that it will take it later.
    bool is_answered = false;
  };
  void answer(Message& message, std::string_view reply);
  void on_end();

  const Done on_answer_;
  std::deque<Message> messages_;
  std::size_t bytes_ = 0;
  std::size_t batch_ = 0;        ///< Messages of the present batch: the first ones.
  std::size_t outstanding_ = 0;  ///< Of them, those that have not come to an end.
  bool has_failed_ = false;
  bool is_stuck_ = false;
};

}  // namespace hawser
