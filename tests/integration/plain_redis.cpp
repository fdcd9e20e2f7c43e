#include "tests/integration/plain_redis.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace hawser::test {

PlainRedis::PlainRedis() {
  directory_ = (std::filesystem::temp_directory_path() / "hawser-redis-XXXXXX").string();
  if (mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("no temporary directory");
  const std::string socket = directory_ + "/redis.sock";
  pid_ = fork();
  if (pid_ == -1) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket.c_str(), "--dir",
           directory_.c_str(), "--save", "", static_cast<char*>(nullptr));
    _exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (true) {
    const Connection probe(redisConnectUnix(socket.c_str()));
    if (probe != nullptr && probe->err == 0) return;
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    if (pid_ == -1 || std::chrono::steady_clock::now() > deadline) {
      stop();
      throw std::runtime_error("redis-server did not start");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

PlainRedis::~PlainRedis() {
  stop();
}

void PlainRedis::stop() {
  if (pid_ != -1) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

Connection PlainRedis::connect() const {
  Connection connection(redisConnectUnix((directory_ + "/redis.sock").c_str()));
  if (connection == nullptr || connection->err != 0) throw std::runtime_error("cannot connect");
  redisSetTimeout(connection.get(), timeval{.tv_sec = 5, .tv_usec = 0});
  return connection;
}

}  // namespace hawser::test
