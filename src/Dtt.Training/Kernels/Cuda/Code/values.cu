// Values in fp32 and bf16, which all kernels compute with in fp32, and sums over a warp.

struct Bfloat16 { unsigned short bits; };

__device__ __forceinline__ float widen(float x) { return x; }

__device__ __forceinline__ float widen(Bfloat16 x) { return __uint_as_float((unsigned)x.bits << 16); }

// A value's bits in a type: the nearest, or of two the even one; NaN stays NaN.
template <typename T> __device__ __forceinline__ unsigned bits_of(float x);

template <> __device__ __forceinline__ unsigned bits_of<float>(float x) { return __float_as_uint(x); }

template <> __device__ __forceinline__ unsigned bits_of<Bfloat16>(float x)
{
#if __CUDA_ARCH__ >= 800
    unsigned short bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
#else
    const unsigned bits = __float_as_uint(x);
    return (x != x ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1)) >> 16;
#endif
}

// What a thread moves at once: 16 bytes, which are whole words until a value is asked for, or they would be moved in smaller pieces.
template <typename T> struct alignas(16) Pack
{
    static constexpr int count = 16 / sizeof(T), in_word = count / 4;
    unsigned words[4];

    __device__ __forceinline__ float operator[](int k) const
    {
        const unsigned word = words[k / in_word];
        return __uint_as_float(in_word == 1 ? word : k % 2 == 1 ? word & 0xffff0000 : word << 16);
    }

    __device__ __forceinline__ void set(int k, float x)
    {
        unsigned& word = words[k / in_word];
        const unsigned bits = bits_of<T>(x);
        word = in_word == 1 ? bits : k % 2 == 1 ? (word & 0xffff) | bits << 16 : (word & 0xffff0000) | bits;
    }
};

template <typename T> __device__ __forceinline__ Pack<T> load(const Pack<T>* from)
{
    const uint4 words = *reinterpret_cast<const uint4*>(from);
    return { words.x, words.y, words.z, words.w };
}

template <typename T> __device__ __forceinline__ void store(Pack<T>* to, const Pack<T>& pack)
{
    *reinterpret_cast<uint4*>(to) = { pack.words[0], pack.words[1], pack.words[2], pack.words[3] };
}

__device__ __forceinline__ float add_warp(float x)
{
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(~0u, x, distance);
    return x;
}
