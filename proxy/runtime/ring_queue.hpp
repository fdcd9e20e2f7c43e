#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace hawser {

/// A first-in first-out queue in one power-of-two array: no allocation while it does not grow.
/// Gives its memory back when it runs empty after having been large.
template <typename T>
class RingQueue {
 public:
  RingQueue() = default;
  ~RingQueue() { clear(); }
  RingQueue(const RingQueue&) = delete;
  RingQueue& operator=(const RingQueue&) = delete;

  bool empty() const { return head_ == tail_; }
  std::size_t size() const { return tail_ - head_; }
  T& front() { return at(head_); }
  const T& front() const { return at(head_); }
  T& operator[](std::size_t i) { return at(head_ + i); }
  const T& operator[](std::size_t i) const { return at(head_ + i); }

  T& push(T&& value) {
    if (size() == capacity_) grow();
    T* place = &at(tail_++);
    return *new (place) T(std::move(value));
  }
  T pop() {
    T* place = &at(head_++);
    T value = std::move(*place);
    place->~T();
    if (head_ == tail_ && capacity_ > kKept) release();
    return value;
  }
  void drop() { (void)pop(); }
  void clear() {
    while (!empty()) drop();
    release();
  }

 private:
  static constexpr std::size_t kSmallest = 2;
  static constexpr std::size_t kKept = 1024;

  T& at(std::size_t i) const {
    return *std::launder(reinterpret_cast<T*>(memory_) + (i & (capacity_ - 1)));
  }
  void grow() {
    const std::size_t larger = capacity_ == 0 ? kSmallest : capacity_ * 2;
    auto* memory = static_cast<unsigned char*>(
        ::operator new (larger * sizeof(T), std::align_val_t{alignof(T)}));
    const std::size_t count = size();
    for (std::size_t i = 0; i < count; ++i) {
      T* old = &at(head_ + i);
      new (reinterpret_cast<T*>(memory) + i) T(std::move(*old));
      old->~T();
    }
    release();
    memory_ = memory;
    capacity_ = larger;
    head_ = 0;
    tail_ = count;
  }
  void release() {
    if (memory_ != nullptr) ::operator delete (memory_, std::align_val_t{alignof(T)});
    memory_ = nullptr;
    capacity_ = 0;
    head_ = tail_ = 0;
  }

  unsigned char* memory_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t head_ = 0;  ///< Counts up for ever; the place is the count modulo the capacity.
  std::size_t tail_ = 0;
};

}  // namespace hawser
