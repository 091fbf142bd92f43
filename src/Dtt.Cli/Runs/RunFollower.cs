using System.Diagnostics;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Client;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Order;

namespace Dtt.Cli.Runs;

/// <summary>
/// Shows a run until it ends. The run is the platform's: Ctrl+C asks for a stop and waits for it, a second one leaves while the stop goes on, a closed
/// terminal only detaches, and when the silo dies the next one is started here and the run goes on.
/// </summary>
/// <param name="folder">The run.</param>
/// <param name="cudaOrigin">Where the user asked for a GPU, to say so when there is none; null when nobody did.</param>
internal sealed class RunFollower(string folder, string? cudaOrigin = null)
{
    private const int Reconnections = 5;
    private static readonly TimeSpan _stopGrace = TimeSpan.FromSeconds(5), _look = TimeSpan.FromSeconds(1), _longestOutage = TimeSpan.FromMinutes(10);
    private readonly CancellationTokenSource _leaving = new();
    private readonly Dictionary<long, string> _samples = [];
    private IRunGrain? _grain;
    private Task _stop = Task.CompletedTask;
    private int _signal;
    private bool _shown; // whether anything was
    private int _breaks; // of the connection, since something was last shown
    private Stopwatch? _outage; // of the platform's store, since something was last shown

    private string Run => Path.GetFileName(folder);

    /// <summary>The samples that were taken while it was followed, by step.</summary>
    public IReadOnlyDictionary<long, string> Samples => _samples;

    /// <summary>Follows.</summary>
    /// <param name="client">The connection to begin with; the caller disposes it.</param>
    /// <param name="backlog">How much of what happened before is shown first.</param>
    /// <param name="signal">The signal that came while the run was created, as an exit code; 0: none.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="UserErrorException">The run failed, or there is none.</exception>
    public async Task<int> FollowAsync(PlatformClient client, int backlog, int signal = 0)
    {
        _grain = client.Grains.Run(folder);
        using var signals = new Signals(OnSignal);
        if (signal != 0) OnSignal(signal);
        var (own, isLost) = ((PlatformClient?)null, false);
        try
        {
            while (true)
            {
                try
                {
                    if (_outage is not null) await Task.Delay(_look, _leaving.Token);
                    if (isLost) own = await client.ReconnectAsync(Console.Error.WriteLine, _leaving.Token);
                    isLost = false;
                    return await FollowOnceAsync(own ?? client, _shown ? 0 : backlog);
                }
                catch (IOException e) when (_outage is null || _outage.Elapsed < _longestOutage)
                {
                    if (_outage is null) Console.Error.WriteLine($"{e.Message} The run goes on meanwhile, and this command waits.");
                    _outage ??= Stopwatch.StartNew();
                }
                catch (Exception e) when (!_leaving.IsCancellationRequested && ++_breaks <= Reconnections
                    && e is OrleansException or TimeoutException or OperationCanceledException)
                {
                    isLost = true;
                    Console.Error.WriteLine(client.IsCluster
                        ? "a node of the cluster is gone; the run goes on …"
                        : "the silo is gone; starting another one, and the run goes on …");
                    if (own is not null) await own.DisposeAsync();
                    own = null;
                }
                catch (OperationCanceledException) when (_leaving.IsCancellationRequested)
                {
                    await Task.WhenAny(_stop, Task.Delay(_stopGrace)); // the request for a stop is on its way: it needs the connection
                    Console.Error.WriteLine(_signal == Signals.HangUp
                        ? $"detached from run '{Run}'."
                        : !_stop.IsCompleted ? $"left; run '{Run}' goes on, for the request to stop did not come through. Stop it with: dtt stop {Run}"
                        : $"left; run '{Run}' saves a checkpoint and stops on its own. Follow it with: dtt attach {Run}");
                    return _signal;
                }
            }
        }
        finally
        {
            if (own is not null) await own.DisposeAsync();
        }
    }

    private async Task<int> FollowOnceAsync(PlatformClient client, int backlog)
    {
        _grain = client.Grains.Run(folder);
        var view = await _grain.FindAsync().WaitAsync(client.Lost) ?? throw new UserErrorException($"run '{Run}' no longer exists.");
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(client.Lost, _leaving.Token);
        var display = new TrainDisplay(Run, view.Request.Config, view.Record.TotalSteps, view.Row.Step);
        await display.ShowAsync(async () =>
        {
            await foreach (var news in _grain.WatchAsync(backlog).Until(ended.Token))
            {
                Show(display, news);
                if (!news.State.IsActive() && news is { Message: null, Event: null } && !await IsActiveAsync(client)) return;
            }
        });
        view = await _grain.FindAsync() ?? throw new UserErrorException($"run '{Run}' was deleted.");
        return Conclude(view, (await _grain.EventsAsync()).LastOrDefault(e => e.Kind == EventKinds.Failed)?.Message);
    }

    /// <summary>Whether the run goes on: news of its end may be old, from before somebody resumed it.</summary>
    private async Task<bool> IsActiveAsync(PlatformClient client) =>
        await _grain!.FindAsync().WaitAsync(client.Lost) is { Record: var record } && record.State.IsActive();

    private void Show(TrainDisplay display, RunNews news)
    {
        (_shown, _breaks, _outage) = (true, 0, null);
        try
        {
            Print(display, news);
        }
        catch (IOException e)
        {
            throw new UserErrorException($"what run '{Run}' says cannot be shown: {e.Message} The run goes on; follow it with: dtt attach {Run}", inner: e);
        }
    }

    private void Print(TrainDisplay display, RunNews news)
    {
        if (cudaOrigin is not null && news.Message is RankStarted { Device: var device } && device.StartsWith("cpu", StringComparison.Ordinal))
            Console.Error.WriteLine($"{cudaOrigin}: 'cuda: true', but libtorch sees no GPU on this machine; training on the CPU.");
        if (news.Message is TrainingSample sample) _samples[sample.Step] = sample.Text;
        if (news.Message is not null) display.Show(news.Message);
        if (news.Event is { } happened && !IsShownOtherwise(happened.Kind)) display.Show(new RankEvent(happened.Kind, happened.Message));
    }

    /// <summary>Whether the progress or the last line tells of an event too.</summary>
    private static bool IsShownOtherwise(string kind) =>
        kind is EventKinds.Started or EventKinds.Committed or EventKinds.Completed or EventKinds.Stopped or EventKinds.Failed;

    private int Conclude(RunView view, string? failure)
    {
        var record = view.Record;
        switch (record.State)
        {
            case RunState.Completed:
                foreach (var draw in MixtureDraw.Of(record, record.TotalSteps, view.Request.Config.Model.ContextLength))
                    Console.Error.WriteLine($"drawn of {draw.Dataset}: {draw.InWords}");
                return ExitCodes.Success;
            case RunState.Failed:
                var died = record.Attempts is [.., { Outcome: { } outcome }] && outcome != failure ? outcome + ". " : "";
                throw new UserErrorException(
                    died.Length == 0
                        ? failure ?? "the run failed"
                        : $"{died}{failure}. Nothing committed is lost; once the cause is fixed, continue with: dtt resume {Run}",
                    view.FailureCode);
            default:
                var state = record.State.ToString().ToLowerInvariant();
                Console.Error.WriteLine($"run '{Run}' is {state} after step {record.Latest?.Step ?? 0}; everything is saved. Continue with: dtt resume {Run}");
                return _signal == 0 ? ExitCodes.Terminated : _signal;
        }
    }

    private void OnSignal(int code)
    {
        if (code == Signals.HangUp || Interlocked.CompareExchange(ref _signal, code, 0) != 0)
        {
            if (code == Signals.HangUp) _signal = code;
            _leaving.Cancel();
            return;
        }

        Console.Error.WriteLine("saving a checkpoint and stopping after this step (Ctrl+C again: leave now, the run still stops) …");
        _stop = StopAsync();
    }

    /// <summary>Asks for the stop; while the platform cannot write it down, again and again.</summary>
    private async Task StopAsync()
    {
        try
        {
            for (var outage = Stopwatch.StartNew(); ;)
            {
                try
                {
                    await _grain!.StopAsync();
                    return;
                }
                catch (IOException) when (outage.Elapsed < _longestOutage)
                {
                    await Task.Delay(_look);
                }
            }
        }
        catch (Exception e) when (e is OrleansException or TimeoutException or IOException or UserErrorException)
        {
            Console.Error.WriteLine($"the stop request failed ({e.Message}); try `dtt stop {Run}`.");
        }
    }
}
