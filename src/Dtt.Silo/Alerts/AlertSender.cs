using Dtt.Core.Alerts;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Grains.Alerts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Polly.Timeout;

namespace Dtt.Silo.Alerts;

/// <summary>
/// Delivers the alerts that the runs of this silo raise, a few at a time, and keeps the rules as <c>platform.yaml</c> has them. A file that is wrong is told
/// in the log, and the rules before it stay. The silo's end waits a little for those that are on their way.
/// </summary>
internal sealed partial class AlertSender(PlatformFolders folders, AlertQueue queue, AlertDelivery delivery, TimeProvider time, ILogger<AlertSender> log)
    : BackgroundService
{
    private const int MaxInFlight = 4;
    private const string Ended = "the silo ended";
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(2); // a shared home may tell nobody of its changes
    private static readonly TimeSpan _lastTries = TimeSpan.FromSeconds(10);
    private readonly TaskCompletionSource _delivered = new();
    private DateTime? _read;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        Read(); // before a run raises anything
        return base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        queue.Complete();
        await Task.WhenAny(_delivered.Task, Task.Delay(_lastTries, time, cancellationToken));
        await base.StopAsync(cancellationToken);
        foreach (var (rule, alert) in queue.TakeRest()) LogNotDelivered(alert.Folder, alert.Word, rule.Origin, Ended);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Task.WhenAll(WatchAsync(stoppingToken), DeliverAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The silo ends, or its start failed.
        }
    }

    private async Task WatchAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(_look, time);
        while (await timer.WaitForNextTickAsync(cancellation))
        {
            Read();
            if (queue.TakeDropped() is > 0 and var dropped) LogDropped(dropped);
        }
    }

    private async Task DeliverAsync(CancellationToken cancellation)
    {
        await Parallel.ForEachAsync(queue.ReadAsync(cancellation),
            new ParallelOptions { MaxDegreeOfParallelism = MaxInFlight, CancellationToken = cancellation },
            async (next, c) =>
            {
                try
                {
                    await delivery.DeliverAsync(next.Rule, next.Alert, c);
                }
                catch (Exception e) // whatever a program or a server does ends no silo
                {
                    LogNotDelivered(next.Alert.Folder, next.Alert.Word, next.Rule.Origin, c.IsCancellationRequested ? Ended : Why(e));
                }
            });
        _delivered.TrySetResult();
    }

    /// <summary>What is said of a failure: never the message of an exception that may hold an address.</summary>
    private static string Why(Exception e) => e switch
    {
        AlertException => e.Message,
        TimeoutRejectedException => "no answer in time",
        _ => e.GetType().Name,
    };

    /// <summary>Reads the rules when the file is another than before.</summary>
    private void Read()
    {
        var first = _read is null;
        DateTime? written = null;
        try
        {
            written = File.GetLastWriteTimeUtc(folders.ConfigFile); // of no file: the year 1601
            if (written == _read) return;
            var rules = PlatformFile.Read(folders.ConfigFile);
            _read = written;
            queue.Rules = rules;
            if (!first || queue.Rules.Count > 0) LogRead(folders.ConfigFile, queue.Rules.Count);
        }
        catch (ConfigurationException e)
        {
            _read = written;
            LogWrong(queue.Rules.Count, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (_read != DateTime.MaxValue) LogUnread(queue.Rules.Count, e.Message);
            _read = DateTime.MaxValue; // it is read once it can be: the home may be away
        }
    }

    [LoggerMessage(3071, LogLevel.Information, "the alerts of {File} were read: {Count}")]
    private partial void LogRead(string file, int count);

    [LoggerMessage(3072, LogLevel.Error, "the alerts are not as they should be, and the {Count} from before stay: {Errors}")]
    private partial void LogWrong(int count, string errors);

    [LoggerMessage(3073, LogLevel.Warning, "run {Run}: the alert '{Kind}' of {Origin} was not delivered: {Why}")]
    private partial void LogNotDelivered(string run, string kind, string origin, string why);

    [LoggerMessage(3075, LogLevel.Warning, "the alerts cannot be read for now, and the {Count} from before stay: {Why}")]
    private partial void LogUnread(int count, string why);

    [LoggerMessage(3074, LogLevel.Warning, "{Count} alerts were dropped, the oldest, because too many waited")]
    private partial void LogDropped(int count);
}
