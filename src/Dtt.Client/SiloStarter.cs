using System.Diagnostics;
using System.Text;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Polly;
using Polly.Retry;

namespace Dtt.Client;

/// <summary>Starts the background silo of a state folder. Of two that start at once one gets the lock, and both clients use it.</summary>
public static class SiloStarter
{
    private static readonly TimeSpan _exitTimeout = TimeSpan.FromMinutes(2);

    /// <summary>Until the silo that another command starts is announced.</summary>
    private static readonly ResiliencePipeline<SiloAnnouncement?> _untilAnnounced =
        Until<SiloAnnouncement?>(silo => silo is null, TimeSpan.FromSeconds(20));

    private static readonly ResiliencePipeline<bool> _untilGone = Until<bool>(gone => !gone, _exitTimeout);

    /// <summary>The build that <see cref="StartAsync"/> would start.</summary>
    public static string BuildToStart() => BuildId.Of(Path.GetDirectoryName(ProgramPaths.Silo())!);

    /// <summary>
    /// Starts this machine's silo. A home that Slurm jobs serve in turns has its runs in their database: a silo without it would be another platform.
    /// </summary>
    /// <exception cref="UserErrorException">No job serves the home, or the silo cannot start.</exception>
    public static Task<SiloAnnouncement> StartHereAsync(PlatformFolders folders, string? store, CancellationToken cancellation) =>
        store is not null || !Directory.Exists(folders.JobsDatabase) ? StartAsync(folders, cancellation)
        : throw new UserErrorException($"{JobsPlatform.Describe(folders)}, or give what runs on this machine alone a home of its own with DTT_HOME: "
            + "`dtt adopt FOLDER` then shows a run of this folder there.", ExitCodes.Requeue);

    /// <summary>Starts a silo and waits until it accepts clients.</summary>
    /// <exception cref="UserErrorException">It cannot start; says why.</exception>
    public static async Task<SiloAnnouncement> StartAsync(PlatformFolders folders, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(ProgramPaths.Dotnet(), [ProgramPaths.Silo()])
        {
            RedirectStandardError = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["DTT_HOME"] = folders.Home;
        start.Environment["DTT_STATE"] = folders.State;
        start.Environment["DOTNET_TieredPGO"] = "0";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();

        // It prints that it is ready, or why it cannot start, and exits.
        var error = new StringBuilder();
        while (await process.StandardError.ReadLineAsync(cancellation) is { } line)
        {
            if (line == SiloAnnouncement.ReadyLine && SiloAnnouncement.FindLiving(folders.AnnouncementFile) is { } silo) return silo;
            error.AppendLine(line);
        }

        await process.WaitForExitAsync(cancellation);
        if (process.ExitCode != ExitCodes.Requeue)
        {
            var code = process.ExitCode == 0 ? ExitCodes.Failure : process.ExitCode;
            throw new UserErrorException($"{error.ToString().Trim()} (the silo's log: {folders.LogFile})", code);
        }

        return await _untilAnnounced.ExecuteAsync(_ => ValueTask.FromResult(SiloAnnouncement.FindLiving(folders.AnnouncementFile)), cancellation)
            ?? throw new UserErrorException($"another silo holds {folders.LockFile} but has not announced itself; it may be shutting down. "
                + $"Try again, or see {folders.LogFile}.", ExitCodes.Requeue);
    }

    /// <summary>Waits until a silo's process is gone.</summary>
    /// <exception cref="UserErrorException">It does not end.</exception>
    public static async Task WaitForEndAsync(SiloAnnouncement silo, CancellationToken cancellation)
    {
        if (!await _untilGone.ExecuteAsync(_ => ValueTask.FromResult(SiloAnnouncement.StartTicksOf(silo.Process) != silo.StartTicks), cancellation))
        {
            throw new UserErrorException($"the silo (process {silo.Process}) did not exit within {_exitTimeout.TotalSeconds:0} s; "
                + "see its log with `dtt silo logs`, or kill it.");
        }
    }

    private static ResiliencePipeline<T> Until<T>(Func<T, bool> notYet, TimeSpan timeout)
    {
        var delay = TimeSpan.FromMilliseconds(20);
        return new ResiliencePipelineBuilder<T>().AddRetry(new RetryStrategyOptions<T>
        {
            ShouldHandle = tried => ValueTask.FromResult(tried.Outcome.Exception is null && notYet(tried.Outcome.Result!)),
            Delay = delay,
            MaxRetryAttempts = (int)(timeout / delay),
        }).Build();
    }
}
