#include "proxy/upstream/script_book.hpp"

#include <openssl/evp.h>

#include <array>
#include <charconv>

namespace hawser {

namespace {

constexpr std::size_t kDigestChars = 40;

}  // namespace

std::string script_digest(std::string_view body) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_Digest(body.data(), body.size(), bytes.data(), &size, EVP_sha1(), nullptr);
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out += kHex[bytes[i] >> 4];
    out += kHex[bytes[i] & 15];
  }
  return out;
}

std::uint64_t server_number(std::string_view run_id) {
  std::uint64_t number = 0;
  const std::string_view half = run_id.substr(0, 16);
  std::from_chars(half.data(), half.data() + half.size(), number, 16);
  return number;
}

Script& ScriptBook::add(std::string_view body) {
  std::string digest = script_digest(body);
  Script& script = by_digest_[digest];
  script.body = body;
  script.digest = std::move(digest);
  return script;
}

void ScriptBook::on_server(std::string_view run_id) {
  if (!run_id.empty() && run_id == run_id_) return;
  run_id_ = run_id;
  forget_loaded();
}

void ScriptBook::forget_loaded() {
  for (auto& [digest, script] : by_digest_) script.is_loaded = false;
}

std::string ScriptBook::to_eval(std::string_view evalsha) {
  forget_loaded();
  // *<n>\r\n $7\r\nEVALSHA\r\n $40\r\n<digest>\r\n ...
  constexpr std::string_view kVerb = "\r\n$7\r\nEVALSHA\r\n$40\r\n";
  const std::size_t verb = evalsha.find("\r\n");
  std::string out(evalsha);
  if (verb == std::string_view::npos || !evalsha.substr(verb).starts_with(kVerb)) return out;
  const std::size_t digest = verb + kVerb.size();
  const auto found = by_digest_.find(std::string(evalsha.substr(digest, kDigestChars)));
  if (found == by_digest_.end()) return out;
  const std::string& body = found->second.body;
  out = evalsha.substr(0, verb);
  out += "\r\n$4\r\nEVAL\r\n$" + std::to_string(body.size()) + "\r\n" + body;
  out += evalsha.substr(digest + kDigestChars);
  return out;
}

}  // namespace hawser
