// hiredis: replies one by one and pipelined, on connections this program opens again by itself.

#include <hiredis/hiredis.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Words = std::vector<std::string>;

void ask(const std::string& question) {
  std::cout << "? " << question << std::endl;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "yes") throw std::runtime_error(question + ": " + answer);
}

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void equal(const std::string& seen, const std::string& wanted) {
  if (seen != wanted) throw std::runtime_error("'" + seen + "' is not '" + wanted + "'");
}

void begins(const std::string& seen, const std::string& wanted) {
  equal(seen.substr(0, wanted.size()), wanted);
}

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

// A reply as redis-cli would say it on one line: errors with '-', arrays with their elements in
// brackets.
std::string text(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_ERROR:
      return "-" + std::string(reply.str, reply.len);
    case REDIS_REPLY_INTEGER:
      return std::to_string(reply.integer);
    case REDIS_REPLY_NIL:
      return "nil";
    case REDIS_REPLY_ARRAY: {
      std::string all;
      for (size_t i = 0; i < reply.elements; i++) {
        all += (i == 0 ? "" : " ") + text(*reply.element[i]);
      }
      return "[" + all + "]";
    }
    default:
      return {reply.str, static_cast<size_t>(reply.len)};
  }
}

class Connection {
 public:
  explicit Connection(const std::string& socket = "") : socket_(socket) { open(); }

  void send(const Words& words) {
    std::vector<const char*> data;
    std::vector<size_t> sizes;
    for (const auto& word : words) {
      data.push_back(word.data());
      sizes.push_back(word.size());
    }
    redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), data.data(),
                           sizes.data());
    int is_written = 0;
    while (is_written == 0) {
      if (redisBufferWrite(context_.get(), &is_written) != REDIS_OK) fail();
    }
  }

  std::string read() {
    void* reply = nullptr;
    if (redisGetReply(context_.get(), &reply) != REDIS_OK) fail();
    const std::unique_ptr<redisReply, FreeReply> owner(static_cast<redisReply*>(reply));
    return text(*owner);
  }

  std::string operator()(const Words& words) {
    send(words);
    return read();
  }

  void reopen() {
    if (redisReconnect(context_.get()) != REDIS_OK) fail();
  }

 private:
  struct Close {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  void open() {
    const timeval patience{10, 0};
    context_.reset(socket_.empty()
                       ? redisConnectWithTimeout(setting("REDIS_HOST").c_str(),
                                                 std::stoi(setting("REDIS_PORT")), patience)
                       : redisConnectUnixWithTimeout(socket_.c_str(), patience));
    if (context_ == nullptr || context_->err != 0) fail();
    redisSetTimeout(context_.get(), patience);
    if (socket_.empty()) redisEnableKeepAlive(context_.get());
  }

  [[noreturn]] void fail() const {
    throw std::runtime_error(context_ == nullptr ? "no memory" : context_->errstr);
  }

  std::string socket_;
  std::unique_ptr<redisContext, Close> context_;
};

// The replies to these in one pipeline, one behind the other.
std::string all(Connection& redis, const std::vector<Words>& requests) {
  for (const auto& words : requests) redis.send(words);
  std::string replies;
  for (size_t i = 0; i < requests.size(); i++) replies += redis.read();
  return replies;
}

void connects() {
  Connection redis;
  equal(redis({"PING"}), "PONG");
  equal(redis({"CLIENT", "SETNAME", "orders-web"}), "OK");
  equal(redis({"CLIENT", "GETNAME"}), "orders-web");
  if (redis({"CLIENT", "LIST"}).find(" name=orders-web ") == std::string::npos) {
    throw std::runtime_error("it is not in CLIENT LIST");
  }
}

void lanes() {
  Connection one, two, three, subscriber;
  for (auto* redis : {&one, &two, &three}) equal((*redis)({"SET", "lane", "1"}), "OK");
  ask("lanes main/db0/resp2=1");
  equal(subscriber({"SUBSCRIBE", "news"}), "[subscribe news 1]");
  one({"PUBLISH", "news", "first"});
  equal(subscriber.read(), "[message news first]");
  one.send({"BLPOP", "jobs", "5"});
  two.send({"BLPOP", "jobs", "5"});
  ask("lanes main/db0/resp2=1 pinned=2 publisher=1 subscriber=1");
  equal(three({"RPUSH", "jobs", "a", "a"}), "2");
  equal(one.read(), "[jobs a]");
  equal(two.read(), "[jobs a]");
  three({"SELECT", "3"});
  three({"PING"});
  ask("lanes main/db0/resp2=1 main/db3/resp2=1 publisher=1 subscriber=1");
}

void unix_socket() {
  Connection redis(setting("REDIS_SOCKET")), other;
  equal(all(redis, {{"SELECT", "2"}, {"SET", "where", "unix"}}), "OKOK");
  equal(all(other, {{"SELECT", "2"}, {"GET", "where"}}), "OKunix");
}

void login() {
  Connection redis, other;
  equal(redis({"AUTH", setting("REDIS_USER"), setting("REDIS_USER_PASSWORD")}), "OK");
  equal(redis({"ACL", "WHOAMI"}), setting("REDIS_USER"));
  equal(all(other, {{"AUTH", setting("REDIS_PASSWORD")}, {"ACL", "WHOAMI"}}), "OKdefault");
}

void wrong_password() {
  Connection redis;
  begins(redis({"AUTH", setting("REDIS_USER"), "wrong"}), "-WRONGPASS ");
}

void database() {
  Connection zero, one;
  one({"SELECT", "1"});
  zero({"SET", "where", "zero"});
  one({"SET", "where", "one"});
  equal(all(zero, {{"GET", "where"}, {"SELECT", "1"}, {"GET", "where"}}), "zeroOKone");
}

void errors() {
  Connection redis;
  redis({"SET", "text", "abc"});
  begins(redis({"INCR", "text"}), "-ERR value is not");
  begins(redis({"NOSUCHCOMMAND"}), "-ERR unknown command");
  equal(redis({"REPLCONF", "capa", "eof"}), "-NOPERM command denied by proxy policy");
}

void pipeline() {
  Connection redis;
  for (int i = 0; i < 500; i++) {
    redis.send({"SET", "p" + std::to_string(i), std::to_string(i)});
    redis.send({"GET", "p" + std::to_string(i)});
  }
  for (int i = 0; i < 500; i++) {
    equal(redis.read(), "OK");
    equal(redis.read(), std::to_string(i));
  }
}

void transaction() {
  Connection redis, other;
  redis({"SET", "stock", "5"});
  equal(redis({"MULTI"}), "OK");
  equal(redis({"DECR", "stock"}), "QUEUED");
  equal(redis({"EXEC"}), "[4]");
  redis({"WATCH", "stock"});
  other({"SET", "stock", "9"});
  equal(all(redis, {{"MULTI"}, {"DECR", "stock"}, {"EXEC"}}), "OKQUEUEDnil");
  equal(all(redis, {{"MULTI"}, {"DECR", "stock"}, {"EXEC"}}), "OKQUEUED[8]");
}

void script() {
  Connection redis;
  const std::string lua = "return {redis.call('DECRBY', KEYS[1], ARGV[1]), ARGV[1]}";
  redis({"SET", "left", "10"});
  const auto digest = redis({"SCRIPT", "LOAD", lua});
  equal(redis({"EVALSHA", digest, "1", "left", "3"}), "[7 3]");
  redis({"SCRIPT", "FLUSH"});
  begins(redis({"EVALSHA", digest, "1", "left", "3"}), "-NOSCRIPT ");
  equal(redis({"EVAL", lua, "1", "left", "3"}), "[4 3]");
  equal(redis({"EVALSHA", digest, "1", "left", "3"}), "[1 3]");
}

void pubsub() {
  Connection subscriber, other;
  subscriber.send({"SUBSCRIBE", "a", "b"});
  subscriber.send({"PSUBSCRIBE", "c*"});
  equal(subscriber.read(), "[subscribe a 1]");
  equal(subscriber.read(), "[subscribe b 2]");
  equal(subscriber.read(), "[psubscribe c* 3]");
  equal(other({"PUBLISH", "b", "22"}), "1");
  equal(subscriber.read(), "[message b 22]");
  equal(other({"PUBLISH", "c2", "33"}), "1");
  equal(subscriber.read(), "[pmessage c* c2 33]");
  equal(subscriber({"PUNSUBSCRIBE"}), "[punsubscribe c* 2]");
}

void stream() {
  Connection worker, producer;
  worker({"XGROUP", "CREATE", "orders", "billing", "$", "MKSTREAM"});
  const Words read = {"XREADGROUP", "GROUP",   "billing", "w1", "BLOCK",
                      "5000",       "STREAMS", "orders",  ">"};
  worker.send(read);
  const auto id = producer({"XADD", "orders", "*", "item", "rope"});
  equal(worker.read(), "[[orders [[" + id + " [item rope]]]]]");
  equal(worker({"XACK", "orders", "billing", id}), "1");
  begins(worker({"XPENDING", "orders", "billing"}), "[0 ");
}

void blocking() {
  Connection worker, other, producer;
  worker.send({"BRPOP", "b:1", "b:2", "5"});
  other.send({"BLMOVE", "b:3", "b:4", "LEFT", "RIGHT", "5"});
  producer({"LPUSH", "b:2", "two"});
  equal(worker.read(), "[b:2 two]");
  producer({"LPUSH", "b:3", "three"});
  equal(other.read(), "three");
  equal(worker({"BLPOP", "b:1", "0.05"}), "nil");
}

void big_values() {
  Connection redis;
  std::string value(8U << 20U, ' ');
  for (size_t i = 0; i < value.size(); i++) value[i] = static_cast<char>(i);
  equal(redis({"SET", "big", value}), "OK");
  if (redis({"GET", "big"}) != value) throw std::runtime_error("another value");
  redis({"DEL", "big"});
}

void scan() {
  Connection redis;
  for (int i = 0; i < 500; i++) redis.send({"SET", "mine:s" + std::to_string(i), "1"});
  for (int i = 0; i < 500; i++) equal(redis.read(), "OK");
  std::set<std::string> seen;
  std::string cursor = "0";
  do {
    const auto reply = redis({"SCAN", cursor, "MATCH", "mine:s*", "COUNT", "50"});
    cursor = reply.substr(1, reply.find(' ') - 1);
    for (size_t at = reply.find("mine:s"); at != std::string::npos;
         at = reply.find("mine:s", at + 1)) {
      seen.insert(reply.substr(at, reply.find_first_of(" ]", at) - at));
    }
  } while (cursor != "0");
  equal(std::to_string(seen.size()), "500");
}

// Asks for eight words at a time until `count` turns went well, or if that is 0 until the first
// error of hawser, which is given. A lost connection is opened again; a wrong word ends it.
std::string words(Connection& redis, int count) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(15);
  std::string failure;
  for (int good = 0, turn = 0; count == 0 || good < count; turn++) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("no words: " + failure);
    failure.clear();
    try {
      const auto word = [turn](int i) { return std::to_string(turn) + "-" + std::to_string(i); };
      for (int i = 0; i < 8; i++) redis.send({"EVAL", "return ARGV[1]", "0", word(i)});
      for (int i = 0; i < 8; i++) {
        const auto reply = redis.read();
        if (reply != word(i)) failure = reply;
        if (reply != word(i) && reply.rfind("-PROXY", 0) != 0) {
          std::cout << "not ok crossed\n" << reply << " is not " << word(i) << std::endl;
          std::exit(1);
        }
      }
      if (!failure.empty() && count == 0) return failure;
    } catch (const std::runtime_error& lost) {
      failure = lost.what();
      try {
        redis.reopen();
      } catch (const std::runtime_error&) {  // In the next turn.
      }
    }
    good = failure.empty() ? good + 1 : 0;
    if (!failure.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return "";
}

void redis_restarts() {
  Connection redis;
  words(redis, 20);
  redis({"SET", "kept", "yes"});
  ask("kill");
  begins(words(redis, 0), "-PROXY");
  ask("start");
  words(redis, 20);
  equal(redis({"GET", "kept"}), "yes");
}

void hawser_restarts() {
  Connection redis;
  words(redis, 20);
  ask("hawser restart");
  words(redis, 20);
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);  // Hiredis writes to connections that may be closed.
  const std::vector<std::pair<const char*, std::function<void()>>> checks = {
      {"connect", connects},
      {"lanes", lanes},
      {"unix", unix_socket},
      {"login", login},
      {"wrong password", wrong_password},
      {"database", database},
      {"errors", errors},
      {"pipeline", pipeline},
      {"transaction", transaction},
      {"script", script},
      {"pubsub", pubsub},
      {"stream", stream},
      {"blocking", blocking},
      {"big values", big_values},
      {"scan", scan},
      {"redis restarts", redis_restarts},
      {"hawser restarts", hawser_restarts},
  };
  int code = 0;
  for (const auto& [name, body] : checks) {
    try {
      body();
      std::cout << "ok " << name << std::endl;
    } catch (const std::exception& error) {
      std::cout << "not ok " << name << "\n" << error.what() << std::endl;
      code = 1;
    }
  }
  return code;
}
