using System.Diagnostics;
using System.Runtime.InteropServices;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Silo.Ranks;

namespace Dtt.Silo.Doctor;

/// <summary>Whether the programs run, and what they need loads.</summary>
internal static class ProgramChecks
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(20);

    public static string Dotnet() =>
        $"{RuntimeInformation.FrameworkDescription}, {ProgramPaths.Dotnet()}; build {BuildId.Of(AppContext.BaseDirectory)}";

    /// <summary>A rank loads libtorch, looks for the GPUs and, where several of them would speak to each other, loads NCCL.</summary>
    public static async Task<string?> TorchAsync()
    {
        var gpus = DeviceInventory.Gpus();
        string[] nccl = gpus.Count > 1 || (gpus.Count > 0 && Environment.GetEnvironmentVariable("DTT_ADDRESS") is { Length: > 0 }) ? ["nccl"] : [];
        var start = new ProcessStartInfo(ProgramPaths.Dotnet(), [ProgramPaths.Rank(), "--probe", .. nccl])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["CUDA_VISIBLE_DEVICES"] = string.Join(',', gpus);
        using var probe = await SpawnerThread.RunAsync(() => Process.Start(start)!);
        var (said, wrong) = (probe.StandardOutput.ReadToEndAsync(), probe.StandardError.ReadToEndAsync());
        var ended = probe.WaitForExitAsync();
        if (await Task.WhenAny(ended, Task.Delay(_timeout)) != ended)
        {
            probe.Kill();
            throw new UserErrorException(
                $"a rank did not load libtorch within {_timeout.TotalSeconds:0} s: look at the disk that DTT lies on, and at the GPUs' driver.");
        }

        if (probe.ExitCode == ExitCodes.Success) return (await said).Trim();
        throw new UserErrorException(await wrong is { Length: > 0 } why ? string.Join(' ', why.Trim().Split('\n').TakeLast(4))
            : $"a rank that loads libtorch ends with exit code {probe.ExitCode}: build again with `./dtt --rebuild`.");
    }
}
