using Dtt.Abstractions;
using Dtt.Core.Platform;
using Dtt.Silo.Datasets;
using Dtt.Silo.Ranks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Hosting;

/// <summary>
/// Whether the silo is needed: it ends by itself when there was no client and no work for a while, but waits for the client that it was started for. Before
/// any end its ranks save.
/// </summary>
internal sealed partial class SiloLife(SiloOptionsFromEnvironment options, RankHost ranks, JobHost jobs, ShardWorker shards, ClientCount clients,
    Announcement announcement, IHostApplicationLifetime host, TimeProvider time, ILogger<SiloLife> log)
    : BackgroundService
{
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _firstClient = TimeSpan.FromMinutes(1);
    private readonly DateTimeOffset _started = time.GetUtcNow();
    private readonly TaskCompletionSource _drained = new();

    /// <summary>Ends when the silo is to end and its ranks have saved: what is left is to tell the others.</summary>
    public Task Drained => _drained.Task;

    /// <summary>What the silo is doing.</summary>
    public SiloReport Report() => new()
    {
        Node = options.Node,
        Address = options.Address.ToString(),
        Job = SlurmJob.Id,
        Cores = Environment.ProcessorCount,
        TotalMemoryBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        Process = Environment.ProcessId,
        Build = options.Build,
        StartedAt = _started,
        MemoryBytes = Environment.WorkingSet,
        Clients = clients.Now,
        Work = Work(),
        Devices = ranks.Devices,
    };

    /// <summary>Ends the silo when it is idle or the end is forced; false when it is busy.</summary>
    public bool TryEnd(bool force)
    {
        if (!force && Work().Count > 0) return false;
        host.StopApplication();
        return true;
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        LogEnding(Work() is { Count: > 0 } work ? $"ranks save first: {string.Join("; ", work)}" : "nothing is worked on");
        var unsaved = await ranks.DrainAsync(options.DrainTime);
        if (unsaved.Count > 0) LogUnsaved(options.DrainTime.TotalSeconds, string.Join("; ", unsaved));
        _drained.TrySetResult();
        try
        {
            announcement.Withdraw();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotWithdrawn(e); // the home is away; commands also notice that nobody answers
        }

        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.IdleTime is not { } idleTime) return;
        using var timer = new PeriodicTimer(idleTime < _look ? idleTime : _look, time);
        var (lastNeeded, joined) = (time.GetTimestamp(), 0);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (clients.Joined != joined || IsNeeded()) (lastNeeded, joined) = (time.GetTimestamp(), clients.Joined);
            if (time.GetElapsedTime(lastNeeded) < (joined == 0 && idleTime < _firstClient ? _firstClient : idleTime)) continue;
            announcement.Withdraw();
            if (IsNeeded())
            {
                announcement.Publish();
                continue;
            }

            LogIdle(idleTime);
            host.StopApplication();
            return;
        }
    }

    private bool IsNeeded() => clients.Now > 0 || Work().Count > 0;

    private IReadOnlyList<string> Work() => [.. ranks.Work, .. shards.Work, .. jobs.Work];

    [LoggerMessage(3031, LogLevel.Information, "no client and no work for {Time}; shutting down")]
    private partial void LogIdle(TimeSpan time);

    [LoggerMessage(3032, LogLevel.Information, "shutting down; {Work}")]
    private partial void LogEnding(string work);

    [LoggerMessage(3033, LogLevel.Warning, "these ranks did not save within {Seconds} s (DTT_DRAIN_SECONDS), and go on from their last checkpoint: {Work}")]
    private partial void LogUnsaved(double seconds, string work);

    [LoggerMessage(3034, LogLevel.Warning, "the announcement could not be removed")]
    private partial void LogNotWithdrawn(Exception exception);
}
