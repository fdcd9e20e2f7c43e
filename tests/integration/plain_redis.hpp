#pragma once

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include <memory>
#include <string>

namespace hawser::test {

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Connection = std::unique_ptr<redisContext, FreeContext>;
using Reply = std::unique_ptr<redisReply, FreeReply>;

/// A redis-server with its default settings and nothing in it, on a Unix socket in a directory of
/// its own, for tests that ask a real server how it behaves. Lives as long as the object; the
/// constructor returns once it answers, and throws std::runtime_error if it does not within 10 s.
class PlainRedis {
 public:
  PlainRedis();
  ~PlainRedis();
  PlainRedis(const PlainRedis&) = delete;
  PlainRedis& operator=(const PlainRedis&) = delete;

  /// A new connection; throws std::runtime_error if there is none to be had.
  Connection connect() const;
  std::string socket_path() const { return directory_ + "/redis.sock"; }

 private:
  void stop();

  std::string directory_;
  pid_t pid_ = -1;
};

}  // namespace hawser::test
