#include "proxy/cache/cache_command.hpp"

#include <charconv>

#include "proxy/cache/cache_keys.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

constexpr std::string_view kSyntax = "ERR syntax error";
constexpr std::string_view kNoInteger = "ERR value is not an integer or out of range";
constexpr std::size_t kMostInvalidated = 1000;
/// Redis refuses what overflows when added to its clock.
constexpr std::int64_t kLongestLifeMs = std::int64_t{1} << 52;

/// Goes through the arguments of a request; the first problem stays.
class Reader {
 public:
  explicit Reader(const Request& request) : request_(request) {}

  bool has_more() const { return at_ < request_.argc(); }
  std::string_view next() {
    if (has_more()) return request_.arg(at_++);
    fail(kSyntax);
    return {};
  }
  /// Whether the next word is the option `lower`; then it is taken.
  bool takes(std::string_view lower) {
    if (!has_more() || !is_word(request_.arg(at_), lower)) return false;
    ++at_;
    return true;
  }
  std::int64_t number() {
    const std::string_view text = next();
    std::int64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size()) fail(kNoInteger);
    return value;
  }
  /// A time in ms, given in units of `unit` ms.
  std::int64_t time(std::int64_t unit, std::int64_t longest) {
    const std::int64_t value = number();
    if (problem_.empty() && (value <= 0 || value > longest / unit)) {
      fail("ERR invalid expire time in '" + std::string(request_.command->name) + "' command");
    }
    return problem_.empty() ? value * unit : 0;
  }
  std::string_view tag() {
    const std::string_view text = next();
    if (problem_.empty() && (text.empty() || text.size() > kLongestTag)) {
      fail("ERR a tag must have 1 to " + std::to_string(kLongestTag) + " bytes");
    }
    return text;
  }
  std::vector<std::string_view> counted_tags() {
    const std::int64_t count = number();
    std::vector<std::string_view> tags;
    if (!problem_.empty()) return tags;
    if (count <= 0) fail("ERR numtags should be greater than 0");
    if (count > static_cast<std::int64_t>(request_.argc() - at_)) {
      fail("ERR Number of tags can't be greater than number of args");
    } else if (count > static_cast<std::int64_t>(kMostTags)) {
      fail("ERR a key can't have more than " + std::to_string(kMostTags) + " tags");
    }
    for (std::int64_t i = 0; i < count && problem_.empty(); ++i) tags.push_back(tag());
    return tags;
  }
  void fail(std::string_view problem) {
    if (problem_.empty()) problem_ = problem;
  }
  /// `command`, unless there was a problem, or something is left.
  CacheCommand finish(CacheCommand command) {
    if (has_more()) fail(kSyntax);
    if (problem_.empty()) return command;
    return CacheError{problem_};
  }
  bool is_good() const { return problem_.empty(); }

 private:
  const Request& request_;
  std::size_t at_ = 1;
  std::string problem_;
};

CacheCommand parse_set(Reader& in) {
  CacheSet set;
  set.key = in.next();
  set.value = in.next();
  while (in.is_good() && in.has_more()) {
    if (!set.life_ms && in.takes("ex")) {
      set.life_ms = in.time(1000, kLongestLifeMs);
    } else if (!set.life_ms && in.takes("px")) {
      set.life_ms = in.time(1, kLongestLifeMs);
    } else if (set.tags.empty() && in.takes("tags")) {
      set.tags = in.counted_tags();
    } else if (!set.lease && in.takes("lease")) {
      set.lease = parse_lease_token(in.next());
      if (!set.lease) in.fail("ERR invalid lease token");
    } else {
      in.fail(kSyntax);
    }
  }
  return in.finish(set);
}

CacheCommand parse_get(Reader& in) {
  CacheGet get;
  get.key = in.next();
  while (in.is_good() && in.has_more()) {
    if (!get.lease_ms && in.takes("lease")) {
      get.lease_ms = in.time(1, kLongestLeaseMs);
    } else if (!get.stale_ms && in.takes("stale")) {
      get.stale_ms = in.time(1, kLongestLifeMs);
    } else {
      in.fail(kSyntax);
    }
  }
  return in.finish(get);
}

CacheCommand parse_tag(Reader& in, bool removes) {
  CacheTag tag;
  tag.removes = removes;
  tag.key = in.next();
  tag.tags = in.counted_tags();
  return in.finish(tag);
}

CacheCommand parse_invalidate(Reader& in) {
  CacheInvalidate invalidate;
  invalidate.is_async = in.takes("async");
  if (!in.has_more()) in.fail("ERR wrong number of arguments for 'cache.invalidate' command");
  while (in.is_good() && in.has_more()) {
    if (invalidate.tags.size() == kMostInvalidated) {
      in.fail("ERR more than " + std::to_string(kMostInvalidated) + " tags at once");
    }
    invalidate.tags.push_back(in.tag());
  }
  return in.finish(invalidate);
}

}  // namespace

CacheCommand parse_cache_command(const Request& request) {
  const protocol::Command& row = *request.command;
  if (!row.accepts(request.argc())) {
    return CacheError{"ERR wrong number of arguments for '" + std::string(row.name) + "' command"};
  }
  Reader in(request);
  if (row.name == "cache.set") return parse_set(in);
  if (row.name == "cache.get") return parse_get(in);
  if (row.name == "cache.invalidate") return parse_invalidate(in);
  return parse_tag(in, row.name == "cache.untag");
}

}  // namespace hawser
