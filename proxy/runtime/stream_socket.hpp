#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace hawser {

class Loop;

/// Who is told that a socket can be read or written. Kept alive by the socket's waits.
class SocketOwner {
 public:
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;

 protected:
  ~SocketOwner() = default;
};

/// What one read or write brought.
struct IoResult {
  enum class Status : std::uint8_t { ok, blocked, ended, failed };
  Status status;
  std::size_t bytes = 0;
  int error = 0;  ///< errno, if failed.
};

/// A connected non-blocking stream socket (TCP or Unix) on the loop. Reading and writing are the
/// owner's own calls, into and from memory of its choice; the socket only says when. Waits are for
/// one event each and keep the owner alive. Closed by close() or with its owner.
class StreamSocket {
 public:
  /// Takes over `descriptor`; sets it non-blocking and, for TCP, without Nagle and with keepalive.
  StreamSocket(Loop& loop, int descriptor);
  ~StreamSocket();
  StreamSocket(const StreamSocket&) = delete;
  StreamSocket& operator=(const StreamSocket&) = delete;

  /// One call of on_readable() follows, unless the socket is closed before.
  void wait_readable(std::shared_ptr<SocketOwner> owner);
  void wait_writable(std::shared_ptr<SocketOwner> owner);

  IoResult receive(char* into, std::size_t room);
  IoResult send(const iovec* pieces, int count);
  IoResult send(const char* bytes, std::size_t size);

  /// Whether the peer has closed or reset its side, also behind bytes not yet received.
  bool peer_has_ended() const;
  /// The other end: host:port, or "unix".
  std::string peer_name() const;
  /// This end, likewise.
  std::string local_name() const;
  int descriptor() const { return descriptor_; }
  /// No more bytes will be sent; the peer reads an end.
  void shutdown_send();
  /// Ends both directions at once; waits end without a call. Safe to call twice.
  void close();
  bool is_open() const { return descriptor_ >= 0; }

 private:
  struct Impl;
  Loop& loop_;
  std::unique_ptr<Impl> impl_;
  int descriptor_;
};

}  // namespace hawser
