// Cross-entropy of rows of logits; its gradient takes their place. A block of threads for each row, which is read twice: the second time from the L2 cache.

// The largest logit, and the sum of exp(logit - largest).
struct Total { float largest, sum; };

// exp(x - largest)
__device__ __forceinline__ float below(float x, float largest)
{
    return exp2f((x - largest) * 1.4426950408889634f);
}

__device__ __forceinline__ Total add(Total a, Total b)
{
    const float largest = fmaxf(a.largest, b.largest);
    return { largest, a.sum * below(a.largest, largest) + b.sum * below(b.largest, largest) };
}

__device__ __forceinline__ Total add_warp(Total total)
{
    for (int distance = 16; distance > 0; distance /= 2)
        total = add(total, { __shfl_xor_sync(~0u, total.largest, distance), __shfl_xor_sync(~0u, total.sum, distance) });
    return total;
}

// The first n of a pack's values more.
template <typename T>
__device__ __forceinline__ Total add(Total total, const Pack<T>& pack, int n)
{
    float largest = total.largest;
#pragma unroll
    for (int k = 0; k < Pack<T>::count; k++)
        if (k < n) largest = fmaxf(largest, pack[k]);
    float sum = total.sum * below(total.largest, largest);
#pragma unroll
    for (int k = 0; k < Pack<T>::count; k++)
        if (k < n) sum += below(pack[k], largest);
    return { largest, sum };
}

// logits (rows, width), width a multiple of a pack; targets (rows); losses (rows). Columns from ids on are padding and become 0.
template <typename T>
__device__ __forceinline__ void cross_entropy(T* logits, const long long* targets, float* losses, int ids, int width, float scale)
{
    constexpr int count = Pack<T>::count;
    const Total none = { -1e38f, 0 };
    logits += (long long)blockIdx.x * width;
    auto row = reinterpret_cast<Pack<T>*>(logits);
    const int target = (int)targets[blockIdx.x];
    const float chosen = target >= 0 && target < ids ? widen(logits[target]) : __uint_as_float(0x7fc00000);   // NaN: there is no such id

    Total total = none;
    for (int i = threadIdx.x; i * count < ids; i += blockDim.x)
    {
        const int n = ids - i * count;
        total = n >= count ? add(total, load(row + i), count) : add(total, load(row + i), n);
    }

    __shared__ Total of_warp[32];
    total = add_warp(total);
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = total;
    __syncthreads();
    total = add_warp(threadIdx.x % 32 < blockDim.x / 32 ? of_warp[threadIdx.x % 32] : none);   // by every warp: all threads know it

    if (threadIdx.x == 0) losses[blockIdx.x] = total.largest + logf(total.sum) - chosen;
    const float share = scale / total.sum;
    for (int i = threadIdx.x; i * count < width; i += blockDim.x)
    {
        Pack<T> pack = load(row + i);
        const int n = ids - i * count, at = target - i * count;
#pragma unroll
        for (int k = 0; k < count; k++)
        {
            const float gradient = k < n ? below(pack[k], total.largest) * share : 0;
            pack.set(k, k == at ? gradient - scale : gradient);
        }

        store(row + i, pack);
    }
}

extern "C" __global__ void __launch_bounds__(512) cross_entropy_fp32(float* logits, const long long* targets, float* losses, int ids, int width, float scale)
{
    cross_entropy(logits, targets, losses, ids, width, scale);
}

extern "C" __global__ void __launch_bounds__(512) cross_entropy_bf16(Bfloat16* logits, const long long* targets, float* losses, int ids, int width, float scale)
{
    cross_entropy(logits, targets, losses, ids, width, scale);
}
