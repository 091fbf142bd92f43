using System.Collections;

namespace Dtt.Abstractions.Platform;

/// <summary>
/// The environment variables that a run takes from the command that created or resumed it: thread counts, libraries and whatever else decides its numerics. A rank gets
/// these from its run alone, never from whoever happened to start the silo.
/// </summary>
public static class RankEnvironment
{
    private static readonly string[] _prefixes = ["OMP_", "KMP_", "GOMP_", "MKL_", "ONEDNN_", "DNNL_", "MALLOC_", "TORCH", "PYTORCH_", "NCCL_", "CUDA_", "CUBLAS_"];

    private static readonly string[] _names = ["DTT_LIBTORCH", "DTT_NCCL", "DTT_CRASH_AT", "DTT_DEADLINE_SCALE"];

    /// <summary>Whether a variable belongs to the run.</summary>
    public static bool Owns(string name) => _names.Contains(name) || (name != "CUDA_VISIBLE_DEVICES" && _prefixes.Any(p => name.StartsWith(p, StringComparison.Ordinal)));

    /// <summary>This process's variables of that kind.</summary>
    public static Dictionary<string, string> OfThisProcess() => Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
        .Where(v => Owns((string)v.Key)).ToDictionary(v => (string)v.Key, v => (string)v.Value!, StringComparer.Ordinal);
}
