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
/// in the log, and the rules before it stay.
/// </summary>
internal sealed partial class AlertSender(PlatformFolders folders, AlertQueue queue, AlertDelivery delivery, TimeProvider time, ILogger<AlertSender> log)
    : BackgroundService
{
    private const int MaxInFlight = 4;
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(2); // a shared home may tell nobody of its changes
    private DateTime? _read;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        Read(); // before a run raises anything
        return base.StartAsync(cancellationToken);
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

    private Task DeliverAsync(CancellationToken cancellation) => Parallel.ForEachAsync(queue.ReadAsync(cancellation),
        new ParallelOptions { MaxDegreeOfParallelism = MaxInFlight, CancellationToken = cancellation },
        async (next, c) =>
        {
            try
            {
                await delivery.DeliverAsync(next.Rule, next.Alert, c);
            }
            catch (Exception e) when (!c.IsCancellationRequested) // whatever a program or a server does ends no silo
            {
                LogNotDelivered(next.Alert.Folder, next.Alert.Word, next.Rule.Origin, Why(e));
            }
        });

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
        try
        {
            var written = File.GetLastWriteTimeUtc(folders.ConfigFile); // of no file: the year 1601
            if (written == _read) return;
            _read = written;
            queue.Rules = PlatformFile.Read(folders.ConfigFile);
            if (!first || queue.Rules.Count > 0) LogRead(folders.ConfigFile, queue.Rules.Count);
        }
        catch (ConfigurationException e)
        {
            LogWrong(queue.Rules.Count, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _read = DateTime.MaxValue; // its time cannot be asked for now: the home may be away
        }
    }

    [LoggerMessage(3071, LogLevel.Information, "the alerts of {File} were read: {Count}")]
    private partial void LogRead(string file, int count);

    [LoggerMessage(3072, LogLevel.Error, "the alerts are not as they should be, and the {Count} from before stay: {Errors}")]
    private partial void LogWrong(int count, string errors);

    [LoggerMessage(3073, LogLevel.Warning, "run {Run}: the alert '{Kind}' of {Origin} was not delivered: {Why}")]
    private partial void LogNotDelivered(string run, string kind, string origin, string why);

    [LoggerMessage(3074, LogLevel.Warning, "{Count} alerts were dropped, the oldest, because too many waited")]
    private partial void LogDropped(int count);
}
