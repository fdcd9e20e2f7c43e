#include "proxy/cache/rules/rule_writer.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include "protocol/request_parser.hpp"
#include "proxy/cache/wall_clock.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

std::int64_t expiry_of(const Request& request, std::int64_t now_ms) {
  const std::string_view name = request.command->name;
  const std::int64_t never = kForEver + now_ms;
  const auto after = [&](std::size_t i, std::int64_t unit, std::int64_t from) {
    const std::int64_t value = to_number(request.arg(i));
    return value > 0 && value < kForEver / unit ? from + value * unit : now_ms;
  };
  if (name == "setex" && request.argc() > 2) return after(2, 1000, now_ms);
  if (name == "psetex" && request.argc() > 2) return after(2, 1, now_ms);
  if (name != "set") return never;
  for (std::size_t i = 3; i < request.argc(); ++i) {
    const std::string_view word = request.arg(i);
    if (is_word(word, "keepttl")) return now_ms;  // Looked at when it may be over.
    if (i + 1 == request.argc()) break;
    if (is_word(word, "ex")) return after(i + 1, 1000, now_ms);
    if (is_word(word, "px")) return after(i + 1, 1, now_ms);
    if (is_word(word, "exat")) return after(i + 1, 1000, 0);
    if (is_word(word, "pxat")) return after(i + 1, 1, 0);
  }
  return never;
}

bool RuleWriter::append(const Request& request, const How& how, std::string& out) const {
  const bool is_many = request.command->name == "mset";
  const std::size_t argc = request.argc();
  if (!request.command->accepts(argc)) return false;
  if (is_many ? argc % 2 == 0 : argc > kMostValues) return false;  // Redis refuses it.
  std::vector<std::string_view> written;
  for (std::size_t i = 1; i < request.argc(); i += 2) {
    written.push_back(request.arg(i));
    if (!is_many) break;
  }
  /// The keys of each index, in the order in which they were written.
  std::map<std::string, std::vector<std::string_view>> indexes;
  std::vector<std::string> tags;
  for (const std::string_view key : written) {
    if (keys_.is_reserved(key)) continue;
    tags.clear();
    rules_.append_tags(key, tags);
    for (const std::string& tag : tags) indexes[keys_.index(tag)].push_back(key);
  }
  if (indexes.empty()) return false;

  const std::string score = std::to_string(score_of(expiry_of(request, how.now_ms)));
  const std::string now = std::to_string(how.now_ms);
  const std::string count = std::to_string(request.argc());
  const std::string key_count = std::to_string(written.size());
  std::vector<std::string_view> words = {
      how.is_whole ? "EVAL" : "EVALSHA",
      how.is_whole ? how.script.body : how.script.digest,
      key_count,
  };
  words.insert(words.end(), written.begin(), written.end());
  words.insert(words.end(), {how.is_quiet ? "1" : "", now, count});
  for (std::size_t i = 0; i < request.argc(); ++i) words.push_back(request.arg(i));
  std::deque<std::string> counts;
  for (const auto& [index, members] : indexes) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      const std::size_t left = std::min(members.size() - i, kMostValues / 2);
      if (i % (kMostValues / 2) == 0) {
        counts.push_back(std::to_string(1 + 2 * left));
        words.insert(words.end(), {counts.back(), index});
      }
      words.insert(words.end(), {score, members[i]});
    }
  }
  protocol::append_command(out, words);
  return true;
}

}  // namespace hawser
