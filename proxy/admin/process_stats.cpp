#include "proxy/admin/process_stats.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

namespace hawser {
namespace {

// Fields of /proc/PID/stat behind the command's name, counted from 0 (proc(5) counts from 3).
constexpr std::size_t kUserTicks = 11;
constexpr std::size_t kSystemTicks = 12;
constexpr std::size_t kThreads = 17;
constexpr std::size_t kStartTicks = 19;
constexpr std::size_t kVirtualBytes = 20;
constexpr std::size_t kResidentPages = 21;
constexpr std::size_t kFieldsNeeded = 22;

std::string read_text(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr == text.data()) return std::nullopt;
  return value;
}

/// From the line `btime N` of /proc/stat.
double boot_seconds() {
  const std::string text = read_text("/proc/stat");
  constexpr std::string_view kMark = "\nbtime ";
  const std::size_t at = text.find(kMark);
  if (at == std::string::npos) return 0;
  const auto value = parse_number(std::string_view(text).substr(at + kMark.size()));
  return static_cast<double>(value.value_or(0));
}

std::uint64_t count_open_fds() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), &::closedir);
  if (!directory) return 0;
  std::uint64_t count = 0;
  while (const ::dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count > 0 ? count - 1 : 0;  // the one that reads the directory does not count
}

}  // namespace

std::optional<ProcessStats> parse_process_stat(std::string_view stat, double ticks_per_second,
                                               std::uint64_t page_bytes, double boot_seconds) {
  // The name stands in brackets and may hold anything, blanks and brackets too.
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos) return std::nullopt;
  std::string_view rest = stat.substr(name_end + 2);
  std::array<std::string_view, kFieldsNeeded> fields;
  for (std::string_view& field : fields) {
    if (rest.empty()) return std::nullopt;
    const std::size_t blank = rest.find(' ');
    field = rest.substr(0, blank);
    rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
  }
  const auto user = parse_number(fields[kUserTicks]);
  const auto system = parse_number(fields[kSystemTicks]);
  const auto threads = parse_number(fields[kThreads]);
  const auto start = parse_number(fields[kStartTicks]);
  const auto virtual_bytes = parse_number(fields[kVirtualBytes]);
  const auto pages = parse_number(fields[kResidentPages]);
  if (!user || !system || !threads || !start || !virtual_bytes || !pages) return std::nullopt;
  ProcessStats stats;
  stats.cpu_seconds = static_cast<double>(*user + *system) / ticks_per_second;
  stats.start_seconds = boot_seconds + static_cast<double>(*start) / ticks_per_second;
  stats.threads = *threads;
  stats.virtual_bytes = *virtual_bytes;
  stats.resident_bytes = *pages * page_bytes;
  return stats;
}

std::optional<ProcessStats> read_process_stats() {
  std::optional<ProcessStats> stats =
      parse_process_stat(read_text("/proc/self/stat"), static_cast<double>(::sysconf(_SC_CLK_TCK)),
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)), boot_seconds());
  if (!stats) return std::nullopt;
  stats->open_fds = count_open_fds();
  ::rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    stats->max_fds = limit.rlim_cur;
  }
  return stats;
}

}  // namespace hawser
