using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>How values lie in memory; kernels compute in fp32, 16 values at a time.</summary>
internal unsafe interface IStorage
{
    /// <summary>Values of a vector.</summary>
    const int Lanes = 16;

    /// <summary>Bytes of a value.</summary>
    static abstract int Size { get; }

    /// <summary>16 values from index <paramref name="at"/>.</summary>
    static abstract Vector512<float> Load(void* values, long at);

    /// <summary>Puts 16 values there, rounded to nearest, ties to even.</summary>
    static abstract void Store(Vector512<float> value, void* values, long at);

    /// <summary>
    /// The first <paramref name="count"/> values there, and zeros. Not for loops: vectors in registers do not outlive a call, and kernels lose two thirds of
    /// their speed (measured: docs/log.md).
    /// </summary>
    static Vector512<float> LoadFew<T>(void* values, long at, int count) where T : IStorage
    {
        if (count >= Lanes) return T.Load(values, at);
        var buffer = stackalloc byte[Lanes * sizeof(float)];
        Unsafe.InitBlock(buffer, 0, Lanes * sizeof(float));
        Unsafe.CopyBlockUnaligned(buffer, (byte*)values + at * T.Size, (uint)(count * T.Size));
        return T.Load(buffer, 0);
    }

    /// <summary>Puts the first <paramref name="count"/> values there.</summary>
    static void StoreFew<T>(Vector512<float> value, void* values, long at, int count) where T : IStorage
    {
        var buffer = stackalloc byte[Lanes * sizeof(float)];
        T.Store(value, buffer, 0);
        Unsafe.CopyBlockUnaligned((byte*)values + at * T.Size, buffer, (uint)(Math.Min(count, Lanes) * T.Size));
    }
}

/// <summary>IEEE single precision.</summary>
internal readonly unsafe struct Fp32 : IStorage
{
    public static int Size => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* values, long at) => Vector512.Load((float*)values + at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, void* values, long at) => value.Store((float*)values + at);
}

/// <summary>The upper half of single precision.</summary>
internal readonly unsafe struct Bf16 : IStorage
{
    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* values, long at) =>
        (Vector512.WidenLower(Vector256.Load((ushort*)values + at).ToVector512Unsafe()) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, void* values, long at)
    {
        var bits = value.AsUInt32();
        var rounded = (bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512<uint>.One)) >>> 16;
        var halves = Avx512F.IsSupported ? Avx512F.ConvertToVector256UInt16(rounded) : Vector512.Narrow(rounded, rounded).GetLower();
        halves.Store((ushort*)values + at);
    }
}
