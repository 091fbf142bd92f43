// What CUDA C++ has and C++ has not, as far as the kernels use it; emulator.cpp runs them.
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#define __device__
#define __global__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __CUDA_ARCH__ 0

struct Index { unsigned x, y, z; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

// Those of one warp, or of the block, that wait for each other: a thread goes on once all that have not ended have come as often as it has.
struct Meeting
{
    unsigned first, end;
    std::vector<unsigned> came;
    std::vector<bool> left;

    bool all_came(unsigned times) const
    {
        for (unsigned i = 0; i < end - first; i++)
            if (!left[i] && came[i] < times) return false;
        return true;
    }
};

static Meeting block;
static std::vector<Meeting> warps;
static std::vector<float> shown[2];   // by each thread at its last shuffle, and at that before

void pause();

inline void begin(unsigned width)
{
    auto of = [](unsigned first, unsigned end) { return Meeting { first, end, std::vector<unsigned>(end - first), std::vector<bool>(end - first) }; };
    block = of(0, width);
    warps.clear();
    for (unsigned i = 0; i < width; i += 32) warps.push_back(of(i, i + 32));
    for (auto& values : shown) values.assign(width, 0);
}

inline void leave()
{
    block.left[threadIdx.x] = true;
    warps[threadIdx.x / 32].left[threadIdx.x % 32] = true;
}

inline unsigned meet(Meeting& meeting)
{
    const unsigned times = ++meeting.came[threadIdx.x - meeting.first];
    while (!meeting.all_came(times)) pause();
    return times;
}

}   // namespace emulator

inline void __syncthreads() { emulator::meet(emulator::block); }

inline float __shfl_xor_sync(unsigned, float value, int distance)
{
    auto& warp = emulator::warps[threadIdx.x / 32];
    const unsigned turn = (warp.came[threadIdx.x % 32] + 1) % 2, other = threadIdx.x ^ distance;
    emulator::shown[turn][threadIdx.x] = value;
    emulator::meet(warp);
    return emulator::shown[turn][other];
}

inline float __uint_as_float(unsigned bits) { float x; std::memcpy(&x, &bits, 4); return x; }
inline unsigned __float_as_uint(float x) { unsigned bits; std::memcpy(&bits, &x, 4); return bits; }
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
