#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hawser {

/// A counter written by one thread and read by any: a relaxed load and store, no locked
/// instruction.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A level that goes up and down; one writer, any number of readers.
class Gauge {
 public:
  void add(std::int64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(std::int64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// A latency histogram with the fixed bounds of kBounds; one writer, any number of readers.
class LatencyHistogram {
 public:
  /// Upper bounds in microseconds; a last bucket takes everything above.
  static constexpr std::array<std::int64_t, 14> kBoundsMicros = {
      100,   250,   500,    1000,   2500,   5000,    10000,
      25000, 50000, 100000, 250000, 500000, 1000000, 2500000};

  void observe(std::chrono::nanoseconds elapsed) {
    const std::int64_t micros = elapsed.count() / 1000;
    std::size_t bucket = 0;
    while (bucket < kBoundsMicros.size() && micros > kBoundsMicros[bucket]) ++bucket;
    buckets_[bucket].add();
    sum_micros_.add(static_cast<std::uint64_t>(micros));
  }
  /// Samples in bucket `i` alone (not cumulative); i in [0, kBoundsMicros.size()].
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].value(); }
  double sum_seconds() const { return static_cast<double>(sum_micros_.value()) / 1e6; }

 private:
  std::array<Counter, kBoundsMicros.size() + 1> buckets_;
  Counter sum_micros_;
};

}  // namespace hawser
