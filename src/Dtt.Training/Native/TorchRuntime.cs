using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using TorchSharp;

namespace Dtt.Training.Native;

/// <summary>Loads libtorch once and fixes everything that decides its bits.</summary>
internal static partial class TorchRuntime
{
    private static readonly string[] _cpuLibraries = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];
    private static readonly string[] _cudaLibraries = ["libc10_cuda.so", "libtorch_cuda.so"];

    // Of these versions libTorchSharp's symbols are known to be there; what is missing in another shows only when it is called, and ends the process.
    private static readonly Version _oldest = new(2, 10), _newest = new(2, 12);
    private static bool _loaded;

    /// <summary>Loads libtorch once: the package's, or the one in <c>DTT_LIBTORCH</c> (a folder such as a Python torch's <c>lib</c>).</summary>
    /// <exception cref="UserErrorException">It does not load; says what to try.</exception>
    public static void Load()
    {
        if (_loaded) return;
        var folder = Environment.GetEnvironmentVariable("DTT_LIBTORCH") is { Length: > 0 } named ? named : null;
        if (folder is not null) LoadFrom(folder);
        try
        {
            torch.set_num_threads(Threads);
            torch.set_num_interop_threads(1);
            torch.backends.cuda.matmul.allow_tf32 = true; // what stays fp32 on a GPU
            _loaded = true;
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or NotSupportedException)
        {
            throw DoesNotLoad(folder, e.InnerException ?? e);
        }
    }

    /// <summary>Loads the libraries of a folder before TorchSharp looks for them.</summary>
    /// <exception cref="UserErrorException">One is missing, does not load, or is of a version that TorchSharp does not fit.</exception>
    internal static void LoadFrom(string folder)
    {
        foreach (var name in _cpuLibraries.Concat(_cudaLibraries))
        {
            var path = Path.Combine(folder, name);
            if (!File.Exists(path))
            {
                if (!_cpuLibraries.Contains(name)) continue;
                throw new UserErrorException($"DTT_LIBTORCH is {folder}, and there is no {name} in it; "
                    + "it takes the folder with libtorch.so, such as site-packages/torch/lib.");
            }

            try
            {
                var library = NativeLibrary.Load(LoadedLibrary.RealPath(path));
                if (name == "libtorch_cpu.so") RequireKnown(VersionOf(library), folder);
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                throw DoesNotLoad(folder, e);
            }
        }
    }

    /// <summary>Refuses a libtorch whose functions are not those that TorchSharp calls.</summary>
    /// <exception cref="UserErrorException">It is one.</exception>
    internal static void RequireKnown(Version? version, string folder)
    {
        if (version is not null && new Version(version.Major, version.Minor) is var known && known >= _oldest && known <= _newest) return;
        throw new UserErrorException(
            $"libtorch in {folder} is {version?.ToString(3) ?? "of a version that it does not tell"}, and DTT's TorchSharp fits {_oldest} to {_newest}: "
            + "name another with DTT_LIBTORCH.");
    }

    /// <summary>
    /// The version of the libtorch that is really loaded, <c>2.10.0.0</c>; TorchSharp's own constant is that of the package it was built with.
    /// </summary>
    public static string LibtorchVersion =>
        LoadedLibrary.Handle("libtorch_cpu") is { } library && VersionOf(library) is { } version ? version.ToString() : torch.__version__;

    /// <summary>Newer libtorchs tell their version as the bytes major, minor, patch and tag from the top of 64 bits.</summary>
    private static unsafe Version? VersionOf(nint library)
    {
        if (!NativeLibrary.TryGetExport(library, "aoti_torch_abi_version", out var export)) return null;
        var version = ((delegate* unmanaged<ulong>)export)();
        return new Version((byte)(version >> 56), (byte)(version >> 48), (byte)(version >> 40), 0);
    }

    private static UserErrorException DoesNotLoad(string? folder, Exception why) => new(
        $"libtorch{(folder is null ? "" : $" of {folder}")} does not load: {why.Message} "
        + $"Build again with `./dtt --rebuild`, or name another libtorch {_oldest} with DTT_LIBTORCH.", inner: why);

    /// <summary>Threads for one rank: <c>OMP_NUM_THREADS</c>, else the cores that this process may use.</summary>
    public static int Threads => int.TryParse(Environment.GetEnvironmentVariable("OMP_NUM_THREADS"), out var n) && n > 0 ? n : Environment.ProcessorCount;

    /// <summary>
    /// Whether this CPU multiplies bf16 matrices faster than fp32 ones: by AMX, or by AVX-512's dot products where those are not at half the rate of the fp32
    /// units, as Intel's are (measured: docs/log.md).
    /// </summary>
    public static bool CpuMultipliesBf16 { get; } = File.Exists("/proc/cpuinfo") && CpuLine("flags").Split(' ') is var flags
        && (flags.Contains("amx_bf16") || (flags.Contains("avx512_bf16") && CpuLine("vendor_id") != "GenuineIntel"));

    /// <summary>The device to train on: a GPU when it is wanted and there is one that this libtorch is built for, else the CPU.</summary>
    /// <exception cref="UserErrorException">The rank was given a GPU, libtorch is built for it, and cannot see it.</exception>
    public static torch.Device Device(bool wantCuda)
    {
        if (!wantCuda) return torch.CPU;
        if (torch.cuda.is_available()) return torch.CUDA;
        if (GivenGpu is not { } given || IsBuiltForCpus) return torch.CPU;
        throw new UserErrorException($"this rank was given GPU {given}, and libtorch sees none; the CUDA runtime says: "
            + $"{CudaRuntime.Loaded.Missing() ?? "a device is there, but libtorch has no kernels for it"}. Train on the CPU with 'cuda: false', or fix that.");
    }

    /// <summary>What the user is told when a GPU stays idle because this libtorch is built for CPUs; else null.</summary>
    public static string? IdleGpu(bool wantCuda) => !wantCuda || GivenGpu is not { } given || !IsBuiltForCpus ? null
        : $"this libtorch is built for CPUs, so the run trains on the CPU and GPU {given} stays idle: build with -p:TorchBackend=cuda, "
            + "or name a libtorch with CUDA in DTT_LIBTORCH";

    private static bool IsBuiltForCpus => LoadedLibrary.PathOf("libtorch_cuda.so") is null;

    /// <summary>The GPU that the agent granted, by <c>CUDA_VISIBLE_DEVICES</c>; null when it granted none.</summary>
    private static string? GivenGpu =>
        Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES") is { Length: > 0 } given and not ("-1" or "NoDevFiles") ? given : null;

    /// <summary>Whether a run's working copy is bf16 on a device.</summary>
    public static bool TrainsInBf16(RunConfig config, torch.Device device) =>
        config.Precision == "bf16" || (config.Precision == "auto" && config.Autocast && (device.type == DeviceType.CUDA || CpuMultipliesBf16));

    /// <summary>
    /// From now on torch takes only algorithms with a fixed order of summation on a GPU, and throws where it has none; on a CPU it has no others.
    /// </summary>
    /// <exception cref="UserErrorException">This libtorch cannot be told so.</exception>
    public static unsafe void UseDeterministicAlgorithms(torch.Device device)
    {
        if (device.type != DeviceType.CUDA) return;
        var (globalContext, setDeterministic, setFill) = DeterministicAlgorithms();
        _ = SetVariable("CUBLAS_WORKSPACE_CONFIG", ":4096:8", overwrite: 0); // what cuBLAS needs for it, from before its first call
        var context = ((delegate* unmanaged<nint>)globalContext)();
        ((delegate* unmanaged<nint, byte, byte, void>)setDeterministic)(context, 1, 0);
        ((delegate* unmanaged<nint, byte, void>)setFill)(context, 0); // or memory that is about to be written is filled first
    }

    /// <summary>
    /// <c>at::globalContext()</c>, and of what it gives <c>setDeterministicAlgorithms(on, onlyWarns)</c> and
    /// <c>setDeterministicFillUninitializedMemory(on)</c>: TorchSharp does not offer them.
    /// </summary>
    /// <exception cref="UserErrorException">This libtorch has them not.</exception>
    internal static (nint GlobalContext, nint SetDeterministic, nint SetFill) DeterministicAlgorithms()
    {
        nint Export(string name) =>
            LoadedLibrary.Handle("libtorch_cpu") is { } library && NativeLibrary.TryGetExport(library, name, out var export) ? export
                : throw new UserErrorException(
                    "this libtorch cannot be told to be deterministic: leave out 'deterministic: true', or name another with DTT_LIBTORCH.");
        return (Export("_ZN2at13globalContextEv"), Export("_ZN2at7Context26setDeterministicAlgorithmsEbb"),
            Export("_ZN2at7Context39setDeterministicFillUninitializedMemoryEb"));
    }

    /// <summary>
    /// Everything that decides the bits of a run beside its configuration: equal fingerprints give equal weights, on a GPU those that say that they are
    /// deterministic.
    /// </summary>
    /// <param name="device">Where it computes.</param>
    /// <param name="bf16">Whether in bf16.</param>
    /// <param name="worldSize">Ranks.</param>
    /// <param name="hasKernels">Whether the device's own kernels are there.</param>
    /// <param name="deterministic">Whether a GPU was told to be.</param>
    public static string Fingerprint(torch.Device device, bool bf16, int worldSize, bool hasKernels, bool deterministic)
    {
        string Cuda() => $"cuda {CudaRuntime.Loaded.Describe()}{(hasKernels ? $", nvrtc {Nvrtc.Version}" : "")}{(deterministic ? ", deterministic" : "")}";
        var computes = device.type == DeviceType.CUDA ? Cuda() : $"cpu {CpuLevel} {CpuModel()}; {Threads} threads";
        return $"libtorch {LibtorchVersion}; {computes}; world {worldSize}; {(bf16 ? "bf16" : "fp32")}; kernels 3";
    }

    /// <summary>Whether torch could not get memory, the device's or the host's.</summary>
    public static bool IsOutOfMemory(Exception e) => e is ExternalException
        && (e.Message.Contains("out of memory", StringComparison.Ordinal) || e.Message.Contains("can't allocate memory", StringComparison.Ordinal));

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);

    private static string CpuLevel => Avx512F.IsSupported ? "avx512" : Avx2.IsSupported ? "avx2" : "baseline";

    private static string CpuModel() => CpuLine("model name") is { Length: > 0 } name ? name : "unknown";

    private static string CpuLine(string name) =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "";
}
