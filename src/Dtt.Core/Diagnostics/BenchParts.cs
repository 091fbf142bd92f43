namespace Dtt.Core.Diagnostics;

/// <summary>What <c>dtt bench</c> can measure.</summary>
public static class BenchParts
{
    /// <summary>A step against exactly its matrix products, and against a plain program on the same libtorch; the step beside a checkpoint's writing; a sampled token against reading all weights; the ring against plain sockets; another trainer.</summary>
    public static IReadOnlyList<string> All { get; } = ["gemm_share", "eager_torchsharp", "step_after_save", "sampling", "ring", "peer"];
}
