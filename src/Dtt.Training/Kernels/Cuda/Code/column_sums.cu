// Sums of columns over stretches of rows: what a bias, or a norm's gain and bias, get as their gradients once the stretches are added up, in a fixed order.
// A block of 8 warps for each stretch (its y) and each 32 packs of columns (its x); width a multiple of a pack.

constexpr int column_warps = 8;

// sums (stretches, 1, width) of dy; with a norm (stretches, 2, width): of dy times the unit row, and of dy.
template <typename T, bool of_norm>
__device__ __forceinline__ void column_sums(const T* dy, const T* x, const Moments* moments, float* sums, long long rows, int width)
{
    constexpr int count = Pack<T>::count, kinds = of_norm ? 2 : 1;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, packs = width / count, at = blockIdx.x * 32 + lane;
    const long long first = rows * blockIdx.y / gridDim.y, end = rows * (blockIdx.y + 1) / gridDim.y;
    float mine[kinds][count] = {};
    if (at < packs)
    {
#pragma unroll 4
        for (long long row = first + warp; row < end; row += column_warps)
        {
            const Pack<T> d = load(reinterpret_cast<const Pack<T>*>(dy) + row * packs + at);
            if (of_norm)
            {
                const Pack<T> v = load(reinterpret_cast<const Pack<T>*>(x) + row * packs + at);
                const Moments of_row = moments[row];
#pragma unroll
                for (int k = 0; k < count; k++) mine[0][k] += d[k] * (v[k] - of_row.mean) * of_row.scale;
            }

#pragma unroll
            for (int k = 0; k < count; k++) mine[kinds - 1][k] += d[k];
        }
    }

    __shared__ float of_warp[column_warps][32 * count];
    for (int kind = 0; kind < kinds; kind++)
    {
#pragma unroll
        for (int k = 0; k < count; k++) of_warp[warp][lane * count + k] = mine[kind][k];
        __syncthreads();
        const int column = blockIdx.x * 32 * count + threadIdx.x;
        if (threadIdx.x < 32 * count && column < width)
        {
            float sum = 0;
            for (int w = 0; w < column_warps; w++) sum += of_warp[w][threadIdx.x];
            sums[((long long)blockIdx.y * kinds + kind) * width + column] = sum;
        }

        __syncthreads();
    }
}

#define COLUMN_SUMS(name, T, of_norm) \
    extern "C" __global__ void __launch_bounds__(32 * column_warps) name( \
        const T* dy, const T* x, const Moments* moments, float* sums, long long rows, int width) \
    { \
        column_sums<T, of_norm>(dy, x, moments, sums, rows, width); \
    }

COLUMN_SUMS(column_sums_fp32, float, false)
COLUMN_SUMS(column_sums_bf16, Bfloat16, false)
COLUMN_SUMS(norm_sums_fp32, float, true)
COLUMN_SUMS(norm_sums_bf16, Bfloat16, true)
