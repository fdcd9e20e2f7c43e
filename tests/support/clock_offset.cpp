// A server that is started with this preloaded has a clock that a test can set: the file named by
// HAWSER_CLOCK_OFFSET says by how many seconds it is off.

#include <dlfcn.h>
#include <sys/time.h>

#include <cstdlib>
#include <fstream>

extern "C" int gettimeofday(timeval* time, void* zone) noexcept {
  using Real = int (*)(timeval*, void*);
  static const Real real = reinterpret_cast<Real>(dlsym(RTLD_NEXT, "gettimeofday"));
  const int result = real(time, zone);
  std::ifstream file(std::getenv("HAWSER_CLOCK_OFFSET"));
  long seconds = 0;
  file >> seconds;
  time->tv_sec += seconds;
  return result;
}
