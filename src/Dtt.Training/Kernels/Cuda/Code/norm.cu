// LayerNorm and RMSNorm of rows, a warp for each: x, y, dy, dx (rows, width), gain and bias (width), moments (rows); width a multiple of a pack.

// Of a row: its mean, 0 for RMSNorm, and 1 / sqrt(the mean of (x - mean) squared + epsilon).
struct Moments { float mean, scale; };

__device__ __forceinline__ long long row_of_warp() { return (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; }

template <typename T, bool centered>
__device__ __forceinline__ void norm(const T* x, const T* gain, const T* bias, T* y, Moments* moments, long long rows, int width, float epsilon)
{
    constexpr int count = Pack<T>::count;
    const long long row = row_of_warp();
    const int lane = threadIdx.x % 32, packs = width / count;
    if (row >= rows) return;
    auto from = reinterpret_cast<const Pack<T>*>(x) + row * packs;
    auto to = reinterpret_cast<Pack<T>*>(y) + row * packs;
    auto gains = reinterpret_cast<const Pack<T>*>(gain);
    auto biases = reinterpret_cast<const Pack<T>*>(bias);

    float mean = 0, squares = 0;
    if (centered)
    {
        for (int i = lane; i < packs; i += 32)
        {
            const Pack<T> pack = load(from + i);
#pragma unroll
            for (int k = 0; k < count; k++) mean += pack[k];
        }

        mean = add_warp(mean) / width;
    }

    for (int i = lane; i < packs; i += 32)
    {
        const Pack<T> pack = load(from + i);
#pragma unroll
        for (int k = 0; k < count; k++) squares += (pack[k] - mean) * (pack[k] - mean);
    }

    const float scale = rsqrtf(add_warp(squares) / width + epsilon);
    if (lane == 0) moments[row] = { mean, scale };
    for (int i = lane; i < packs; i += 32)
    {
        Pack<T> pack = load(from + i);
        const Pack<T> g = load(gains + i), b = centered ? load(biases + i) : g;
#pragma unroll
        for (int k = 0; k < count; k++)
        {
            const float unit = (pack[k] - mean) * scale;
            pack.set(k, centered ? unit * g[k] + b[k] : unit * g[k]);
        }

        store(to + i, pack);
    }
}

template <typename T, bool centered>
__device__ __forceinline__ void norm_backward(const T* dy, const T* x, const T* gain, const Moments* moments, T* dx, long long rows, int width)
{
    constexpr int count = Pack<T>::count;
    const long long row = row_of_warp();
    const int lane = threadIdx.x % 32, packs = width / count;
    if (row >= rows) return;
    auto gradients = reinterpret_cast<const Pack<T>*>(dy) + row * packs;
    auto inputs = reinterpret_cast<const Pack<T>*>(x) + row * packs;
    auto to = reinterpret_cast<Pack<T>*>(dx) + row * packs;
    auto gains = reinterpret_cast<const Pack<T>*>(gain);
    const Moments of_row = moments[row];

    float mean = 0, along = 0;                                     // of the unit row's gradient, and of its product with the unit row
    for (int i = lane; i < packs; i += 32)
    {
        const Pack<T> d = load(gradients + i), g = load(gains + i), v = load(inputs + i);
#pragma unroll
        for (int k = 0; k < count; k++)
        {
            const float of_unit = d[k] * g[k];
            mean += of_unit;
            along += of_unit * (v[k] - of_row.mean) * of_row.scale;
        }
    }

    mean = centered ? add_warp(mean) / width : 0;
    along = add_warp(along) / width;
    for (int i = lane; i < packs; i += 32)
    {
        const Pack<T> d = load(gradients + i), g = load(gains + i);
        Pack<T> pack = load(inputs + i);
#pragma unroll
        for (int k = 0; k < count; k++)
        {
            const float unit = (pack[k] - of_row.mean) * of_row.scale;
            pack.set(k, (d[k] * g[k] - mean - unit * along) * of_row.scale);
        }

        store(to + i, pack);
    }
}

#define NORM(name, T, centered) \
    extern "C" __global__ void __launch_bounds__(128) name( \
        const T* x, const T* gain, const T* bias, T* y, Moments* moments, long long rows, int width, float epsilon) \
    { \
        norm<T, centered>(x, gain, bias, y, moments, rows, width, epsilon); \
    } \
    extern "C" __global__ void __launch_bounds__(128) name##_backward( \
        const T* dy, const T* x, const T* gain, const Moments* moments, T* dx, long long rows, int width) \
    { \
        norm_backward<T, centered>(dy, x, gain, moments, dx, rows, width); \
    }

NORM(layer_norm_fp32, float, true)
NORM(layer_norm_bf16, Bfloat16, true)
NORM(rms_norm_fp32, float, false)
NORM(rms_norm_bf16, Bfloat16, false)
