#include "protocol/reply_framer.hpp"

#include <limits>

#include "protocol/integer.hpp"

namespace hawser::protocol {

namespace {

constexpr std::size_t kLineEndBytes = 2;

bool is_string(char type) {
  return type == '$' || type == '=' || type == '!';
}

bool is_aggregate(char type) {
  return type == '*' || type == '%' || type == '~' || type == '>' || type == '|';
}

bool is_line(char type) {
  return type == '+' || type == '-' || type == ':' || type == '_' || type == ',' || type == '(' ||
         type == '#';
}

}  // namespace

ReplyFramer::Status ReplyFramer::feed(std::string_view input) {
  if (complete_) begin_reply();
  const char* const begin = input.data();
  const char* const end = begin + input.size();
  const char* p = begin;
  Step step = Step::go_on;
  while (true) {
    if (bulk_left_ != 0) {
      step = take_string(p, end);
    } else {
      if (p == end) {
        step = Step::wait;
        break;
      }
      const char* const start = p;
      const bool is_element = collecting_ && left_.size() == 1 && !after_attribute_;
      step = take_header(p, end);
      if (step == Step::wait || step == Step::fail) break;
      if (is_element) elements_.push_back(total_ + static_cast<std::size_t>(start - begin));
    }
    if (step == Step::value_done && finish_value()) break;
    if (step == Step::wait || step == Step::fail) break;
  }
  consumed_ = static_cast<std::size_t>(p - begin);
  total_ += consumed_;
  if (step == Step::wait) return Status::incomplete;
  if (step == Step::fail) return Status::error;
  complete_ = true;
  want_elements_ = false;
  if (collecting_) elements_.push_back(total_);
  return Status::complete;
}

// Counts a finished value on its level and closes the levels it fills. True if it was the last of
// the reply.
bool ReplyFramer::finish_value() {
  while (!left_.empty()) {
    std::int64_t& left = left_.back();
    if (left < 0) {
      // ~n counts up to ~0: the attribute is over, and its value comes next on the level below.
      if (++left != -1) return false;
      left_.pop_back();
      after_attribute_ = true;
      return false;
    }
    if (--left != 0) return false;
    left_.pop_back();
  }
  return true;
}

ReplyFramer::Step ReplyFramer::take_string(const char*& p, const char* end) {
  const auto have = static_cast<std::size_t>(end - p);
  if (bulk_left_ >= 2 && have >= bulk_left_ - 1 && p[bulk_left_ - 2] != '\r') return Step::fail;
  if (have >= bulk_left_) {
    if (p[bulk_left_ - 1] != '\n') return Step::fail;
    p += bulk_left_;
    bulk_left_ = 0;
    return Step::value_done;
  }
  p = end;
  bulk_left_ -= have;
  return Step::wait;
}

// Takes one line: a whole simple value, or the head of a string or aggregate.
ReplyFramer::Step ReplyFramer::take_header(const char*& p, const char* end) {
  const char type = *p;
  if (left_.empty() && type != '|') type_ = type;

  if (is_line(type)) {
    const char* cr = nullptr;
    const Step step = find_line_end(p, end, limits_.max_bulk_bytes, cr);
    if (step != Step::value_done) return step;
    p = cr + kLineEndBytes;
    after_attribute_ = false;
    return Step::value_done;
  }
  const bool string = is_string(type);
  if (!string && !is_aggregate(type)) return Step::fail;

  std::int64_t n = 0;
  const char* next = nullptr;
  if (end - p > kShortLengthBytes) next = parse_short_length(p + 1, n);
  if (next == nullptr) {
    const char* cr = nullptr;
    const Step step = find_line_end(p, end, limits_.max_inline_bytes, cr);
    if (step != Step::value_done) return step;
    if (!parse_integer(p + 1, cr, n)) return Step::fail;
    next = cr + kLineEndBytes;
  }
  scanned_ = 0;
  if (n < 0) {
    if (n != -1 || (type != '$' && type != '*')) return Step::fail;
    p = next;
    after_attribute_ = false;
    return Step::value_done;
  }
  if (!string) {
    p = next;
    return begin_aggregate(type, n);
  }
  if (static_cast<std::uint64_t>(n) > limits_.max_bulk_bytes) return Step::fail;
  p = next;
  after_attribute_ = false;
  bulk_left_ = static_cast<std::size_t>(n) + kLineEndBytes;
  return Step::go_on;
}

ReplyFramer::Step ReplyFramer::begin_aggregate(char type, std::int64_t count) {
  const bool pairs = type == '%' || type == '|';
  if (pairs && count > std::numeric_limits<std::int64_t>::max() / 2) return Step::fail;
  if (left_.size() >= static_cast<std::size_t>(limits_.max_depth)) return Step::fail;
  if (pairs) count *= 2;
  if (type == '|') {
    after_attribute_ = count == 0;
    if (count != 0) left_.push_back(~count);
    return Step::go_on;
  }
  after_attribute_ = false;
  if (left_.empty() && want_elements_ && !pairs) collecting_ = true;
  if (count == 0) return Step::value_done;
  left_.push_back(count);
  return Step::go_on;
}

// Finds the "\r\n" of the line at `line`. A line with more than `limit` bytes before it is an
// error. `value_done` if it is there, else `wait` or `fail`.
ReplyFramer::Step ReplyFramer::find_line_end(const char* line, const char* end, std::size_t limit,
                                             const char*& cr) {
  for (cr = line + scanned_; end - cr >= 2; ++cr) {
    if (cr[0] == '\r' && cr[1] == '\n') {
      scanned_ = 0;
      return static_cast<std::size_t>(cr - line) > limit ? Step::fail : Step::value_done;
    }
  }
  scanned_ = static_cast<std::size_t>(cr - line);
  return scanned_ > limit ? Step::fail : Step::wait;
}

void ReplyFramer::begin_reply() {
  complete_ = false;
  total_ = 0;
  type_ = 0;
  collecting_ = false;
  after_attribute_ = false;
  elements_.clear();
}

void ReplyFramer::reset() {
  begin_reply();
  consumed_ = 0;
  bulk_left_ = 0;
  scanned_ = 0;
  want_elements_ = false;
  left_.clear();
  complete_ = true;
}

namespace {

// Behind any attributes; empty if `reply` is not a whole reply.
std::string_view without_attributes(std::string_view reply) {
  while (!reply.empty() && reply.front() == '|') {
    const std::size_t line = reply.find('\r');
    std::int64_t pairs = 0;
    if (line == std::string_view::npos || line + kLineEndBytes > reply.size() ||
        !parse_integer(reply.data() + 1, reply.data() + line, pairs)) {
      return {};
    }
    reply.remove_prefix(line + kLineEndBytes);
    ReplyFramer framer{Limits{}};
    for (std::int64_t values = pairs * 2; values > 0; --values) {
      if (framer.feed(reply) != ReplyFramer::Status::complete) return {};
      reply.remove_prefix(framer.consumed());
    }
  }
  return reply;
}

}  // namespace

std::string_view error_text(std::string_view reply) {
  reply = without_attributes(reply);
  if (reply.size() < 1 + kLineEndBytes || (reply.front() != '-' && reply.front() != '!')) return {};
  const bool blob = reply.front() == '!';
  reply.remove_prefix(1);
  if (blob) {
    const std::size_t line = reply.find('\n');
    if (line == std::string_view::npos) return {};
    reply.remove_prefix(line + 1);
  }
  if (reply.size() < kLineEndBytes) return {};
  reply.remove_suffix(kLineEndBytes);
  return reply;
}

std::string_view error_word(std::string_view reply) {
  const std::string_view text = error_text(reply);
  return text.substr(0, text.find(' '));
}

}  // namespace hawser::protocol
