using System.Diagnostics;
using Dtt.Abstractions.Platform;

namespace Dtt.Cli.Runs;

/// <summary>Work that needs torch but no platform: <c>dtt-rank</c> as a child that prints where this command prints.</summary>
internal static class RankProgram
{
    /// <summary>Runs it to its end; its exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments, CancellationToken cancellation)
    {
        using var process = Process.Start(new ProcessStartInfo(ProgramPaths.Dotnet(), [ProgramPaths.Rank(), .. arguments]))!;
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
