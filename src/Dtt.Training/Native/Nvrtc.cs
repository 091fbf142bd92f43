using System.Runtime.InteropServices;
using System.Text;

namespace Dtt.Training.Native;

/// <summary>
/// NVIDIA's run-time compiler (NVRTC), through its C API: CUDA C++ to machine code of the GPU that is there, so that a build of DTT needs no CUDA. The
/// library is the one that libtorch has loaded, else that beside libtorch's CUDA runtime, else beside libtorch, else the system's.
/// </summary>
internal static unsafe class Nvrtc
{
    private static readonly string[] _systemNames = ["libnvrtc.so.12", "libnvrtc.so.13"];
    private static readonly Lazy<nint> _library = new(Load);

    /// <summary>Its version, <c>13.0</c>.</summary>
    /// <exception cref="NvrtcException">There is none.</exception>
    public static string Version
    {
        get
        {
            int major, minor;
            Check(((delegate* unmanaged<int*, int*, int>)Export("nvrtcVersion"))(&major, &minor));
            return $"{major}.{minor}";
        }
    }

    /// <summary>Compiles a source.</summary>
    /// <param name="name">What the compiler's messages call it.</param>
    /// <param name="source">CUDA C++.</param>
    /// <param name="architecture">What for, such as <c>sm_90</c>.</param>
    /// <returns>A cubin.</returns>
    /// <exception cref="NvrtcException">There is no compiler, or it refuses the source.</exception>
    public static byte[] Compile(string name, string source, string architecture)
    {
        nint program = 0;
        byte[] text = Terminated(source), title = Terminated(name);
        byte[] option = Terminated($"--gpu-architecture={architecture}"), standard = Terminated("--std=c++17");
        fixed (byte* textAt = text, titleAt = title, optionAt = option, standardAt = standard)
        {
            Check(((delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)Export("nvrtcCreateProgram"))(&program, textAt, titleAt, 0, null, null));
            try
            {
                var options = stackalloc byte*[] { optionAt, standardAt };
                var result = ((delegate* unmanaged<nint, int, byte**, int>)Export("nvrtcCompileProgram"))(program, 2, options);
                if (result != 0)
                {
                    var messages = Encoding.UTF8.GetString(Bytes(program, "nvrtcGetProgramLog")).Trim('\0');
                    throw new NvrtcException($"{name} does not compile: {messages.Split('\n')[0]}");
                }

                return Bytes(program, "nvrtcGetCUBIN");
            }
            finally
            {
                _ = ((delegate* unmanaged<nint*, int>)Export("nvrtcDestroyProgram"))(&program);
            }
        }
    }

    /// <summary>What a function of the API gives as a size, by its name with <c>Size</c>, and bytes.</summary>
    private static byte[] Bytes(nint program, string export)
    {
        nint size;
        Check(((delegate* unmanaged<nint, nint*, int>)Export(export + "Size"))(program, &size));
        var bytes = new byte[size];
        fixed (byte* at = bytes) Check(((delegate* unmanaged<nint, byte*, int>)Export(export))(program, at));
        return bytes;
    }

    private static nint Load()
    {
        var folders = new[] { "libcudart", "libtorch_cuda.so" }.Select(LoadedLibrary.PathOf).OfType<string>().Select(path => Path.GetDirectoryName(path)!);
        var files = new[] { LoadedLibrary.PathOf("libnvrtc.so"), LoadedLibrary.PathOf("libnvrtc-") }.OfType<string>()
            .Concat(folders.Where(Directory.Exists).SelectMany(folder => Directory.GetFiles(folder, "libnvrtc*.so*").Order(StringComparer.Ordinal)))
            .Where(IsCompiler)
            .Concat(_systemNames);
        foreach (var file in files)
        {
            if (NativeLibrary.TryLoad(file, out var library) && NativeLibrary.TryGetExport(library, "nvrtcCreateProgram", out _)) return library;
        }

        throw new NvrtcException($"CUDA's run-time compiler (libnvrtc) is not there; looked beside libtorch and for {string.Join(" and ", _systemNames)}");
    }

    /// <summary>Not its tables of built-in functions, which lie beside it, nor a second compiler that some builds carry.</summary>
    private static bool IsCompiler(string path) => !path.Contains("builtins", StringComparison.Ordinal) && !path.Contains(".alt.", StringComparison.Ordinal);

    private static byte[] Terminated(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private static nint Export(string name) => NativeLibrary.GetExport(_library.Value, name);

    private static void Check(int result)
    {
        if (result == 0) return;
        var error = ((delegate* unmanaged<int, nint>)Export("nvrtcGetErrorString"))(result);
        throw new NvrtcException($"NVRTC: {Marshal.PtrToStringUTF8(error)}");
    }
}

/// <summary>CUDA's run-time compiler is not there or does not compile.</summary>
/// <param name="message">Why, without a full stop.</param>
internal sealed class NvrtcException(string message) : Exception(message);
