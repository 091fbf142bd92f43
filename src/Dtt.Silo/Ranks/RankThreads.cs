using System.Diagnostics;
using System.Globalization;
using Dtt.Core.Platform;

namespace Dtt.Silo.Ranks;

/// <summary>What the managed threads of a rank are doing, read by a child (<see cref="ThreadDump"/>) that has a few seconds and no more.</summary>
internal static class RankThreads
{
    /// <summary>What the silo's program is called with to print a process's threads.</summary>
    public const string Option = "--threads";

    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(5);

    /// <summary>Reads them.</summary>
    /// <param name="process">The rank's process.</param>
    /// <param name="time">The clock of the timeout.</param>
    /// <returns>A line a thread and a frame; as many as came in time, and none where the process cannot be looked into.</returns>
    public static async Task<IReadOnlyList<string>> ReadAsync(int process, TimeProvider time)
    {
        var lines = new List<string>();
        try
        {
            using var child = await SpawnerThread.RunAsync(() => Start(process));
            _ = child.StandardError.ReadToEndAsync();
            var read = ReadAsync(child.StandardOutput, lines);
            _ = await Task.WhenAny(read, Task.Delay(_timeout, time));
            if (!child.HasExited) child.Kill();
            await read;
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // There is no such child, or it is gone: the rank is killed without.
        }

        return lines;
    }

    private static async Task ReadAsync(StreamReader output, List<string> lines)
    {
        while (await output.ReadLineAsync() is { } line) lines.Add(line);
    }

    private static Process Start(int process)
    {
        string[] arguments = [typeof(RankThreads).Assembly.Location, Option, process.ToString(CultureInfo.InvariantCulture)];
        return Process.Start(new ProcessStartInfo(ProgramPaths.Dotnet(), arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }
}
