using Dtt.Abstractions;
using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Ranks;

/// <summary>
/// One attempt's ranks from their start to their end: passes on what they say, answers their commits, renews their lease; kills them when the attempt is over,
/// or when its run has not acknowledged it for too long. One loop does it all; only <see cref="Stop"/> and <see cref="Kill"/> come from elsewhere.
/// </summary>
internal sealed partial class RankSupervisor
{
    private static readonly TimeSpan _beatPeriod = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan _renewPeriod = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _meetPeriod = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan _lease = TimeSpan.FromSeconds(90); // a minute without a database, and what it takes to be back
    private static readonly TimeSpan _flushTimeout = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource _stop = new(), _kill = new();
    private readonly LaunchRequest _launch;
    private readonly IRunGrain _run;
    private readonly NodeRef _here;
    private readonly IReadOnlyList<(string Name, string LockFile)> _devices;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Outbox _outbox;
    private RankMessage? _ending;
    private CauseCard? _hung;
    private bool _told;

    public RankSupervisor(
        LaunchRequest launch, IRunGrain run, NodeRef here, IReadOnlyList<(string Name, string LockFile)> devices, TimeProvider time, ILogger log)
    {
        (_launch, _run, _here, _devices, _time, _log) = (launch, run, here, devices, time, log);
        _outbox = new Outbox(async (number, batch) => Handle(await run.ReportAsync(Attempt, number, batch)), e => LogNotAnswered(Spec.Run, Attempt, e), time);
    }

    /// <summary>The attempt.</summary>
    public int Attempt => Spec.Attempt;

    /// <summary>Rank 0's process, for people; 0 before it started and after it ended.</summary>
    public int Process { get; private set; }

    private TrainSpec Spec => _launch.Spec;

    /// <summary>Asks the ranks to save, commit and leave.</summary>
    public void Stop() => _stop.Cancel();

    /// <summary>Kills the ranks: their attempt is over.</summary>
    public void Kill() => _kill.Cancel();

    private bool IsWhole => _launch.Devices.Count == Spec.WorldSize;

    /// <summary>Runs the ranks; gives how they ended. The caller frees the devices, then tells the run.</summary>
    public async Task<AttemptEnd> RunAsync()
    {
        try
        {
            foreach (var failure in Spec.Rank == 0 ? RunFolder.Ready(Spec) : []) LogNotSwept(Spec.Run, failure);
            CrashPoint.Reach("silo.launch");
            await using var ranks = await RankGroup.StartAsync(Spec, _devices, _launch.Environment, _time);
            Process = ranks.Process;
            LogStarted(Spec.Run, Attempt, ranks.Process);
            using var killing = _kill.Token.Register(ranks.Kill);
            using var stopping = _stop.Token.Register(() => ranks.TellAllAsync(new StopRequest()));
            using var ended = new CancellationTokenSource();
            var introduced = IsWhole ? Task.CompletedTask : IntroduceAsync(ranks, ended.Token);
            await SuperviseAsync(ranks);
            await ended.CancelAsync();
            await introduced;
            if (_ending is not null) return new AttemptEnd(Attempt, _ending, null);
            var died = (_hung ?? ranks.Verdict()) with { Node = _here.Node };
            if (_hung is null && _told) died = died with { Kind = DeathKind.Peer };
            LogDied(Spec.Run, Attempt, died.Line);
            return new AttemptEnd(Attempt, null, died);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or UserErrorException or System.ComponentModel.Win32Exception)
        {
            LogNotStarted(Spec.Run, Attempt, e);
            if (_ending is not null) return new AttemptEnd(Attempt, _ending, null);
            var cause = CauseCard.Of(DeathKind.Rank, $"the rank {new RankExit.NotStarted(e.Message).Description}") with { Node = _here.Node };
            return new AttemptEnd(Attempt, null, cause);
        }
        finally
        {
            Process = 0;
        }
    }

    /// <summary>Says everything that is still unsaid and then the end, until the run answers or this is cancelled.</summary>
    public async Task TellAsync(AttemptEnd end, CancellationToken cancellation)
    {
        _ = await _outbox.FlushAsync(Timeout.InfiniteTimeSpan, cancellation);
        _ = await _outbox.CallAsync(() => _run.EndedAsync(_here, end), Timeout.InfiniteTimeSpan, cancellation);
    }

    /// <summary>
    /// Tells the run where the ranks listen, and the ranks, once all of the attempt have said so, where those of other nodes do. It goes on telling until they
    /// have met, for a part that comes later may ask an activation of the run that knows nothing.
    /// </summary>
    private async Task IntroduceAsync(RankGroup ranks, CancellationToken ended)
    {
        try
        {
            var mine = await ranks.Endpoints.WaitAsync(ended);
            using var timer = new PeriodicTimer(_meetPeriod, _time);
            for (var told = false; ranks.IsMeeting; await timer.WaitForNextTickAsync(ended))
            {
                try
                {
                    if (await _run.MeetAsync(Attempt, Spec.Rank, mine) is not { Length: > 0 } all || told) continue;
                    await ranks.TellAllAsync(new RankPeers(all));
                    told = true;
                }
                catch (Exception e) when (e is IOException or TimeoutException or OrleansException)
                {
                    LogNotAnswered(Spec.Run, Attempt, e);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The ranks are gone.
        }
    }

    private async Task SuperviseAsync(RankGroup ranks)
    {
        using var timer = new PeriodicTimer(_beatPeriod, _time);
        Task<bool> beat = timer.WaitForNextTickAsync().AsTask(), message = ranks.Messages.WaitToReadAsync().AsTask();
        while (true)
        {
            if (await Task.WhenAny(beat, message) == beat)
            {
                await BeatAsync(ranks);
                beat = timer.WaitForNextTickAsync().AsTask();
            }
            else if (await message)
            {
                while (ranks.Messages.TryRead(out var said)) await HandleAsync(said, ranks);
                message = ranks.Messages.WaitToReadAsync().AsTask();
            }
            else
            {
                return;
            }
        }
    }

    private async Task HandleAsync(RankMessage message, RankGroup ranks)
    {
        switch (message)
        {
            case CommitRequest request when await CommitAsync(request.Checkpoint) is { } reply:
                await ranks.AnswerAsync(new CommitAnswer(request.Checkpoint.Step, reply));
                break;
            case CommitRequest:
                Expire();
                break;
            case RankFinished or RankFailed:
                _ending ??= message;
                break;
            default:
                if (message is TrainingSample sample) Save(sample);
                _outbox.Add(message);
                break;
        }
    }

    private TimeSpan LeaseLeft => _lease - _outbox.SinceAcknowledged is { Ticks: > 0 } left ? left : TimeSpan.Zero;

    /// <summary>A commit waits for all that was said before it; when that cannot be stored it is refused for now, and the rank goes on.</summary>
    /// <returns>The answer; null when there was none for as long as the lease lasts.</returns>
    private async Task<CommitReply?> CommitAsync(WrittenCheckpoint checkpoint)
    {
        if (!await _outbox.FlushAsync(_flushTimeout, _kill.Token)) return new CommitReply(false, "the metrics before it could not be stored", Transient: true);

        // Without an answer the checkpoint may be committed, and then the rank must not delete it. An IOException is the run's answer that it could not write.
        CommitReply? reply = null;
        _ = await _outbox.CallAsync(async () =>
        {
            try
            {
                reply = await _run.CommitAsync(checkpoint);
            }
            catch (IOException e)
            {
                reply = new CommitReply(false, e.Message, Transient: true);
            }
        }, LeaseLeft, _kill.Token);
        return reply;
    }

    /// <summary>Delivers what waits; renews the lease when nothing else did; ends the ranks when it has passed.</summary>
    private async Task BeatAsync(RankGroup ranks)
    {
        if (!_outbox.IsEmpty) _ = await _outbox.TryFlushAsync();
        if (_outbox.SinceAcknowledged >= _renewPeriod || (ranks.Stalled is not null && !_kill.IsCancellationRequested))
            _ = await _outbox.TryAsync(async () => Handle(await _run.RenewAsync(Attempt, _here, ranks.Stalled)));
        if (_hung is not null && !_kill.IsCancellationRequested) await EndHungAsync(_hung, ranks);
        if (_outbox.SinceAcknowledged >= _lease) Expire();
    }

    /// <summary>Every rank of every node waits for the others: they are killed, and the node of the one that was named tells what its threads did.</summary>
    private async Task EndHungAsync(CauseCard hung, RankGroup ranks)
    {
        var threads = await ranks.ReadThreadsAsync(hung.Rank);
        (_hung, _told) = threads is null ? (null, true) : (hung with { Stacks = threads }, false);
        Kill();
    }

    private void Expire()
    {
        if (_kill.IsCancellationRequested) return;
        LogUnacknowledged(Spec.Run, Attempt);
        Kill();
    }

    private void Handle(Standing standing)
    {
        if (!standing.Current)
        {
            _told |= !_kill.IsCancellationRequested;
            Kill();
        }
        else if (standing.Hung is { } hung && !_kill.IsCancellationRequested) _hung ??= hung;
        else if (standing.StopRequested) Stop();
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

    [LoggerMessage(3001, LogLevel.Information, "run {Run}, attempt {Attempt}: rank {Process} started")]
    private partial void LogStarted(string run, int attempt, int process);

    [LoggerMessage(3002, LogLevel.Warning, "run {Run}, attempt {Attempt}: {How}")]
    private partial void LogDied(string run, int attempt, string how);

    [LoggerMessage(3003, LogLevel.Warning, "run {Run}, attempt {Attempt}: the ranks could not be started")]
    private partial void LogNotStarted(string run, int attempt, Exception exception);

    [LoggerMessage(3004, LogLevel.Warning, "run {Run}, attempt {Attempt}: no answer; trying again")]
    private partial void LogNotAnswered(string run, int attempt, Exception exception);

    [LoggerMessage(3005, LogLevel.Error, "run {Run}, attempt {Attempt}: not acknowledged within its lease; its ranks are killed")]
    private partial void LogUnacknowledged(string run, int attempt);

    [LoggerMessage(3006, LogLevel.Warning, "run {Run}: the sample of step {Step} could not be written")]
    private partial void LogSampleLost(string run, long step, Exception exception);

    [LoggerMessage(3007, LogLevel.Warning, "run {Run}: what earlier attempts left could not be deleted; the next attempt tries again: {Why}")]
    private partial void LogNotSwept(string run, string why);
}
