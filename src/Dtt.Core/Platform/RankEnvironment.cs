using System.Collections;

namespace Dtt.Core.Platform;

/// <summary>
/// The environment variables that a run gets from the command that created or resumed it: thread counts, libraries and whatever else decides its
/// numerics, and where its scratch is. A rank gets these from its run alone, never from the process that happened to start the silo.
/// </summary>
public static class RankEnvironment
{
    private const string SpinCount = "GOMP_SPINCOUNT";

    private static readonly string[] _prefixes =
        ["OMP_", "KMP_", "GOMP_", "MKL_", "ONEDNN_", "DNNL_", "MALLOC_", "TORCH", "PYTORCH_", "NCCL_", "CUDA_", "CUBLAS_"];

    private static readonly string[] _names =
        ["DTT_LIBTORCH", "DTT_NCCL", "DTT_SCRATCH", "SLURM_TMPDIR", "TMPDIR", "LD_LIBRARY_PATH", "DTT_CRASH_AT", "DTT_DEADLINE_SCALE"];

    /// <summary>
    /// What the starter of a rank sets unless the run does. malloc: fresh pages cost more than arithmetic when every step maps and unmaps its activations, so
    /// freed ones are retained. OpenMP: a thread that waits looks for work a thousand times and then sleeps; by default it looks 300,000 times, and on a busy
    /// machine it does so on the core that the thread it waits for should have.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Defaults { get; } = new Dictionary<string, string>
    {
        ["MALLOC_MMAP_THRESHOLD_"] = "4000000000",
        ["MALLOC_TRIM_THRESHOLD_"] = "8000000000",
        ["MALLOC_TOP_PAD_"] = "268435456",
        [SpinCount] = "1000",
    };

    /// <summary>Completes a rank's environment by <see cref="Defaults"/>; whoever chose how threads wait, by either variable, has chosen.</summary>
    public static void Complete(IDictionary<string, string?> environment)
    {
        foreach (var (name, value) in Defaults)
        {
            if (name != SpinCount || !environment.ContainsKey("OMP_WAIT_POLICY")) environment.TryAdd(name, value);
        }
    }

    /// <summary>Whether a variable belongs to the run.</summary>
    public static bool Owns(string name) =>
        _names.Contains(name) || (name != "CUDA_VISIBLE_DEVICES" && _prefixes.Any(p => name.StartsWith(p, StringComparison.Ordinal)));

    /// <summary>This process's variables of that kind.</summary>
    public static Dictionary<string, string> OfThisProcess() => Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
        .Where(v => Owns((string)v.Key)).ToDictionary(v => (string)v.Key, v => (string)v.Value!, StringComparer.Ordinal);
}
