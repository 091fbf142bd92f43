using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using TorchSharp;

namespace Dtt.Training.Native;

/// <summary>Loads libtorch once and fixes everything that decides its bits.</summary>
internal static class TorchRuntime
{
    private static readonly string[] _cpuLibraries = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];
    private static readonly string[] _cudaLibraries = ["libc10_cuda.so", "libtorch_cuda.so"];

    private static bool _loaded;

    /// <summary>Loads libtorch once: the package's, or the one in <c>DTT_LIBTORCH</c> (a folder such as a Python torch's <c>lib</c>).</summary>
    /// <exception cref="UserErrorException">It does not load; says what to try.</exception>
    public static void Load()
    {
        if (_loaded) return;
        if (Environment.GetEnvironmentVariable("DTT_LIBTORCH") is { Length: > 0 } folder)
        {
            foreach (var name in _cpuLibraries.Concat(_cudaLibraries))
            {
                var path = Path.Combine(folder, name);
                if (File.Exists(path)) _ = NativeLibrary.Load(path);
                else if (_cpuLibraries.Contains(name)) throw new UserErrorException($"DTT_LIBTORCH is {folder}, and there is no {name} in it; it takes the folder with libtorch.so, such as site-packages/torch/lib.");
            }
        }

        try
        {
            torch.set_num_threads(Threads);
            torch.set_num_interop_threads(1);
            torch.backends.cuda.matmul.allow_tf32 = true; // what stays fp32 on a GPU
            _loaded = true;
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or NotSupportedException)
        {
            throw new UserErrorException($"libtorch does not load: {(e.InnerException ?? e).Message} Build again with `./dtt --rebuild`, or name another libtorch 2.10 with DTT_LIBTORCH.", inner: e);
        }
    }

    /// <summary>Threads for one rank: <c>OMP_NUM_THREADS</c>, else the cores that this process may use.</summary>
    public static int Threads => int.TryParse(Environment.GetEnvironmentVariable("OMP_NUM_THREADS"), out var n) && n > 0 ? n : Environment.ProcessorCount;

    /// <summary>
    /// Whether this CPU multiplies bf16 matrices faster than fp32 ones: by AMX, or by AVX-512's dot products where those are not at half the rate of the fp32 units, as Intel's are (measured: docs/log.md).
    /// </summary>
    public static bool CpuMultipliesBf16 { get; } = File.Exists("/proc/cpuinfo") && (CpuLine("flags").Split(' ') is var flags && (flags.Contains("amx_bf16") || (flags.Contains("avx512_bf16") && CpuLine("vendor_id") != "GenuineIntel")));

    /// <summary>The device to train on.</summary>
    public static torch.Device Device(bool wantCuda) => wantCuda && torch.cuda.is_available() ? torch.CUDA : torch.CPU;

    /// <summary>Whether a run's working copy is bf16 on a device.</summary>
    public static bool TrainsInBf16(RunConfig config, torch.Device device) =>
        config.Precision == "bf16" || (config.Precision == "auto" && config.Autocast && (device.type == DeviceType.CUDA || CpuMultipliesBf16));

    /// <summary>Everything that decides the bits of a run beside its configuration: equal fingerprints give equal weights.</summary>
    public static string Fingerprint(torch.Device device, bool bf16, int worldSize) =>
        $"libtorch {torch.__version__}; {(device.type == DeviceType.CUDA ? "cuda" : $"cpu {CpuLevel} {CpuModel()}")}; {Threads} threads; world {worldSize}; {(bf16 ? "bf16" : "fp32")}; kernels 3";

    private static string CpuLevel => Avx512F.IsSupported ? "avx512" : Avx2.IsSupported ? "avx2" : "baseline";

    private static string CpuModel() => CpuLine("model name") is { Length: > 0 } name ? name : "unknown";

    private static string CpuLine(string name) =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "";
}
