using System.Runtime.InteropServices;
using Dtt.Training.Native;

namespace Dtt.Training.Kernels.Cuda;

/// <summary>The kernels of <c>Code/</c>, compiled for the GPU that is there when they are needed first.</summary>
internal static class CudaCode
{
    private static readonly string[] _files = ["values.cu", "cross_entropy.cu", "norm.cu", "column_sums.cu"]; // later ones use what earlier ones declare
    private static readonly Lazy<(CudaModule? Module, string? Missing)> _only = new(Compile);

    /// <summary>The kernels; null: they cannot be compiled here.</summary>
    public static CudaModule? Module => _only.Value.Module;

    /// <summary>Why there are none, or null.</summary>
    public static string? Missing => _only.Value.Missing;

    /// <summary>All files as one source.</summary>
    internal static string Source()
    {
        string Text(string file)
        {
            using var stream = typeof(CudaCode).Assembly.GetManifestResourceStream(file)!;
            return $"#line 1 \"{file}\"\n{new StreamReader(stream).ReadToEnd()}\n";
        }

        return string.Concat(_files.Select(Text));
    }

    private static (CudaModule?, string?) Compile()
    {
        try
        {
            var runtime = CudaRuntime.Loaded;
            return (new CudaModule(runtime, NativeLibrary.Load("libcuda.so.1"), Nvrtc.Compile("dtt.cu", Source(), runtime.Architecture)), null);
        }
        catch (Exception e) when (e is NvrtcException or ExternalException or InvalidOperationException or DllNotFoundException or BadImageFormatException
            or EntryPointNotFoundException or IOException or UnauthorizedAccessException)
        {
            return (null, e.Message.TrimEnd('.'));
        }
    }
}
