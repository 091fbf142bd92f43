using System.Runtime.Intrinsics;

namespace Dtt.Training.Kernels;

/// <summary>How values lie in memory; kernels compute in fp32.</summary>
internal unsafe interface IStorage
{
    /// <summary>16 values from index <paramref name="at"/>.</summary>
    static abstract Vector512<float> Load(void* values, long at);

    /// <summary>Puts 16 values there, rounded to nearest, ties to even.</summary>
    static abstract void Store(Vector512<float> value, void* values, long at);
}

/// <summary>IEEE single precision.</summary>
internal readonly unsafe struct Fp32 : IStorage
{
    public static Vector512<float> Load(void* values, long at) => Vector512.Load((float*)values + at);

    public static void Store(Vector512<float> value, void* values, long at) => value.Store((float*)values + at);
}

/// <summary>The upper half of single precision.</summary>
internal readonly unsafe struct Bf16 : IStorage
{
    public static Vector512<float> Load(void* values, long at) => (Vector512.WidenLower(Vector256.Load((ushort*)values + at).ToVector512Unsafe()) << 16).AsSingle();

    public static void Store(Vector512<float> value, void* values, long at)
    {
        var bits = value.AsUInt32();
        var rounded = (bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512<uint>.One)) >>> 16;
        Vector512.Narrow(rounded, rounded).GetLower().Store((ushort*)values + at);
    }
}
