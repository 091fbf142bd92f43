using Dtt.Abstractions;
using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Ranks;

/// <summary>
/// One attempt's ranks from their start to their end: passes on what they say, in numbered batches that are said again until they are answered; answers their commits; renews their lease; kills them when
/// the attempt is over, or when nobody has acknowledged it for too long.
/// </summary>
internal sealed partial class RankSupervisor(LaunchRequest order, IRunGrain run, NodeRef here, IReadOnlyList<(string Name, string LockFile)> devices, ILogger log)
{
    private const int MostMessages = 256;
    private static readonly TimeSpan _batchPeriod = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan _renewPeriod = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _lease = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan _commitPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _retryPeriod = TimeSpan.FromMilliseconds(500);
    private readonly List<RankMessage> _pending = [];
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _flushing = new(1);
    private readonly TimeProvider _time = TimeProvider.System;
    private RankGroup? _ranks;
    private RankMessage? _ending;
    private RankMessage[] _batch = [];
    private long _number, _acknowledged;
    private bool _stopSent;
    private bool _unanswered;
    private volatile bool _stopRequested, _over;

    private TrainSpec Spec => order.Spec;

    /// <summary>The attempt.</summary>
    public int Attempt => Spec.Attempt;

    /// <summary>Rank 0's process, for people; 0 before it started.</summary>
    public int Process => _ranks?.Process ?? 0;

    /// <summary>Asks the ranks to save, commit and leave.</summary>
    public void Stop()
    {
        _stopRequested = true;
        if (_ranks is not { } ranks || Interlocked.Exchange(ref _stopSent, true)) return;
        _ = ranks.TellAllAsync(new StopRequest());
    }

    /// <summary>Kills the ranks: their attempt is over.</summary>
    public void Kill()
    {
        _over = true;
        _ranks?.Kill();
    }

    /// <summary>Runs the ranks; gives how they ended. The caller frees the devices, then tells the run.</summary>
    public async Task<AttemptEnd> RunAsync()
    {
        Acknowledged();
        try
        {
            RunFolder.Ready(Spec);
            CrashPoint.Reach("silo.launch");
            using var ranks = _ranks = await RankGroup.StartAsync(Spec, devices, order.Environment);
            LogStarted(Spec.Run, Attempt, ranks.Process);
            if (_over) ranks.Kill();
            if (_stopRequested) Stop();
            using var ended = new CancellationTokenSource();
            var beating = BeatAsync(ended.Token);
            await foreach (var message in ranks.MessagesAsync()) await TakeAsync(message, ranks);
            await ended.CancelAsync();
            await beating;
            if (_ending is not null) return new AttemptEnd(Attempt, _ending, null);
            var died = ranks.Verdict();
            LogDied(Spec.Run, Attempt, died);
            return new AttemptEnd(Attempt, null, died);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or UserErrorException or System.ComponentModel.Win32Exception)
        {
            LogNotStarted(Spec.Run, Attempt, e);
            return new AttemptEnd(Attempt, null, $"the rank could not be started: {e.Message}");
        }
        finally
        {
            _ranks = null;
        }
    }

    /// <summary>Says everything that is still unsaid and then the end, again and again until the run answers.</summary>
    public async Task TellAsync(AttemptEnd end, CancellationToken cancellation)
    {
        _ = await FlushAsync(Timeout.InfiniteTimeSpan, cancellation);
        for (var tries = 0; ; tries++)
        {
            try
            {
                await run.EndedAsync(end);
                return;
            }
            catch (Exception e) when (IsPassing(e))
            {
                Unanswered(e);
                await Task.Delay(_retryPeriod, _time, cancellation);
            }
        }
    }

    private async Task TakeAsync(RankMessage message, RankGroup ranks)
    {
        switch (message)
        {
            case CommitRequest request:
                await ranks.AnswerAsync(new CommitAnswer(request.Checkpoint.Step, await CommitAsync(request.Checkpoint)));
                break;
            case RankFinished or RankFailed:
                _ending ??= message;
                break;
            default:
                if (message is TrainingSample sample) Save(sample);
                lock (_gate) _pending.Add(message);
                break;
        }
    }

    /// <summary>A commit waits for all that was said before it; when that cannot be stored it is refused for now, and the rank goes on.</summary>
    private async Task<CommitReply> CommitAsync(CommittedCheckpoint checkpoint)
    {
        try
        {
            if (!await FlushAsync(_commitPatience, CancellationToken.None)) return new CommitReply(false, "the metrics before it could not be stored", Passing: true);
            var reply = await run.CommitAsync(checkpoint);
            Acknowledged();
            return reply;
        }
        catch (Exception e) when (IsPassing(e))
        {
            Unanswered(e);
            return new CommitReply(false, e.Message, Passing: true);
        }
    }

    /// <summary>Batches and renewals while the ranks live.</summary>
    private async Task BeatAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(_batchPeriod);
        var renewed = _time.GetTimestamp();
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                bool waiting;
                lock (_gate) waiting = _pending.Count > 0;
                if (waiting || _batch.Length > 0)
                {
                    if (await FlushAsync(TimeSpan.Zero, cancellation)) renewed = _time.GetTimestamp();
                }

                if (_time.GetElapsedTime(renewed) >= _renewPeriod)
                {
                    await RenewAsync();
                    renewed = _time.GetTimestamp();
                }

                if (_time.GetElapsedTime(Interlocked.Read(ref _acknowledged)) < _lease) continue;
                LogUnacknowledged(Spec.Run, Attempt);
                Kill();
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // The ranks ended.
        }
    }

    private async Task RenewAsync()
    {
        try
        {
            Take(await run.RenewAsync(Attempt, here));
        }
        catch (Exception e) when (IsPassing(e))
        {
            Unanswered(e);
        }
    }

    /// <summary>Delivers what waits, batch by batch; false when the patience ended before. A batch keeps its number until it is answered.</summary>
    private async Task<bool> FlushAsync(TimeSpan patience, CancellationToken cancellation)
    {
        var start = _time.GetTimestamp();
        await _flushing.WaitAsync(cancellation);
        try
        {
            while (true)
            {
                if (_batch.Length == 0)
                {
                    lock (_gate)
                    {
                        _batch = [.. _pending.Take(MostMessages)];
                        _pending.RemoveRange(0, _batch.Length);
                    }

                    if (_batch.Length == 0) return true;
                    _number++;
                }

                try
                {
                    Take(await run.ReportAsync(Attempt, _number, _batch));
                    _batch = [];
                }
                catch (Exception e) when (IsPassing(e))
                {
                    Unanswered(e);
                    if (patience != Timeout.InfiniteTimeSpan && _time.GetElapsedTime(start) >= patience) return false;
                    await Task.Delay(_retryPeriod, _time, cancellation);
                }
            }
        }
        finally
        {
            _flushing.Release();
        }
    }

    private void Take(Standing standing)
    {
        Acknowledged();
        if (!standing.Current) Kill();
        else if (standing.StopRequested) Stop();
    }

    private void Acknowledged()
    {
        Interlocked.Exchange(ref _acknowledged, _time.GetTimestamp());
        _unanswered = false;
    }

    /// <summary>Logs the first of a row of calls that got no answer.</summary>
    private void Unanswered(Exception exception)
    {
        if (!_unanswered) LogNotAnswered(Spec.Run, Attempt, exception);
        _unanswered = true;
    }

    private void Save(TrainingSample sample)
    {
        try
        {
            RunFolder.Save(new RunLayout(Spec.RunFolder), sample);
        }
        catch (IOException e)
        {
            LogSampleLost(Spec.Run, sample.Step, e);
        }
    }

    private static bool IsPassing(Exception e) => e is IOException or TimeoutException or OrleansException or OperationCanceledException;

    [LoggerMessage(3001, LogLevel.Information, "run {Run}, attempt {Attempt}: rank {Process} started")]
    private partial void LogStarted(string run, int attempt, int process);

    [LoggerMessage(3002, LogLevel.Warning, "run {Run}, attempt {Attempt}: {How}")]
    private partial void LogDied(string run, int attempt, string how);

    [LoggerMessage(3003, LogLevel.Warning, "run {Run}, attempt {Attempt}: the ranks could not be started")]
    private partial void LogNotStarted(string run, int attempt, Exception exception);

    [LoggerMessage(3004, LogLevel.Warning, "run {Run}, attempt {Attempt}: no answer; it is said again")]
    private partial void LogNotAnswered(string run, int attempt, Exception exception);

    [LoggerMessage(3005, LogLevel.Error, "run {Run}, attempt {Attempt}: nobody acknowledged it for too long; its ranks are killed")]
    private partial void LogUnacknowledged(string run, int attempt);

    [LoggerMessage(3006, LogLevel.Warning, "run {Run}: the sample of step {Step} could not be written")]
    private partial void LogSampleLost(string run, long step, Exception exception);
}
