using System.Diagnostics;
using Dtt.Core.Platform;

namespace Dtt.Cli.Runs;

/// <summary>Work that needs torch but no platform: <c>dtt-rank</c> as a child that prints where this command prints.</summary>
internal static class RankProgram
{
    /// <summary>Runs it to its end; its exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(ProgramPaths.Dotnet(), [ProgramPaths.Rank(), .. arguments]);
        foreach (var (name, value) in RankEnvironment.Allocator) start.Environment.TryAdd(name, value);
        using var process = Process.Start(start)!;
        try
        {
            await process.WaitForExitAsync(cancellation);
            return process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
    }
}
