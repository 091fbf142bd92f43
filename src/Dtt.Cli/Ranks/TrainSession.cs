using System.Runtime.InteropServices;
using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Errors;
using Dtt.Abstractions.Ranks;
using Dtt.Abstractions.Runs;
using Dtt.Cli.Output;

namespace Dtt.Cli.Ranks;

/// <summary>
/// A run from this terminal: starts its rank, keeps its word, shows its progress, turns Ctrl+C into a checkpoint, and goes on by itself when the rank dies or hangs.
/// </summary>
/// <param name="store">The runs.</param>
/// <param name="run">The run.</param>
/// <param name="cudaOrigin">Where the user asked for a GPU, to say so when there is none; null when nobody did.</param>
internal sealed class TrainSession(IRunStore store, string run, string? cudaOrigin = null)
{
    private int _stopSignal;

    /// <summary>Runs attempts until the run ends, is stopped, or dies without getting further; the exit code.</summary>
    /// <exception cref="UserErrorException">Another process owns the run, or it failed.</exception>
    public async Task<int> RunAsync()
    {
        var yaml = File.ReadAllText(Path.Combine(store.FolderOf(run), "config.yaml"));
        var config = RunConfig.Parse(yaml);
        while (true)
        {
            using var attempt = store.Begin(run);
            var host = new AttemptHost(store, attempt, config);
            if (await RunAttemptAsync(host, attempt, yaml, config) != RunState.Recovering) return Tell(attempt.Record, host);
        }
    }

    private async Task<RunState> RunAttemptAsync(AttemptHost host, IRunAttempt attempt, string yaml, RunConfig config)
    {
        var folder = store.FolderOf(run);
        var box = Path.GetFullPath(Path.Combine(folder, $".blackbox.a{attempt.Attempt:00}"));
        using var blackBox = BlackBox.Create(box);
        try
        {
            using var rank = await RankProcess.StartAsync(host.Spec(yaml, box), Path.Combine(folder, "logs", $"a{attempt.Attempt:00}.log"));
            using var signals = new Signals(signal => OnSignal(signal, rank));
            using var watch = new HangWatch(blackBox, PhaseDeadlines.FromEnvironment(), rank.Kill);
            var display = new TrainDisplay(run, config);
            await display.ShowAsync(async () =>
            {
                while (await rank.Pipe.ReceiveAsync() is { } message)
                {
                    watch.Take(message);
                    if (cudaOrigin is not null && message is RankStarted { Device: var device } && device.StartsWith("cpu", StringComparison.Ordinal))
                        Console.Error.WriteLine($"{cudaOrigin}: 'cuda: true', and libtorch sees no GPU on this machine: training on the CPU.");
                    display.Show(message);
                    if (host.Take(message) is { } answer) await rank.SendAsync(answer);
                }
            });
            var exit = await rank.WaitAsync();
            var last = blackBox.Read();
            var died = watch.Verdict ?? $"the rank {exit} in phase {last.Phase.ToString().ToLowerInvariant()} after step {last.Step}";
            if (rank.LastLines.Count > 0) died += $"; its last lines: {string.Join(" | ", rank.LastLines)}";
            var state = host.End(died, _stopSignal == 0 ? RecoveryRules.Decide : null);
            if (state == RunState.Recovering) Console.Error.WriteLine($"{died}; {RecoveryRules.Decide(attempt.Record).Reason}");
            return state;
        }
        finally
        {
            File.Delete(box);
        }
    }

    private int Tell(RunRecord record, AttemptHost host)
    {
        switch (record.State)
        {
            case RunState.Completed:
                return ExitCodes.Success;
            case RunState.Stopped:
                Console.Error.WriteLine($"stopped after step {((RankFinished)host.Ending!).Step}, everything is saved. Go on with: dtt resume {run}");
                return _stopSignal;
            case RunState.Failed when host.Ending is RankFailed failed:
                throw new UserErrorException(failed.Message, failed.ExitCode);
            case RunState.Failed:
                throw new UserErrorException($"{record.Attempts[^1].Outcome}. {RecoveryRules.Decide(record).Reason}. Nothing committed is lost; when the cause is mended, go on with: dtt resume {run}");
            default:
                Console.Error.WriteLine($"left at once. Go on from the last checkpoint with: dtt resume {run}");
                return _stopSignal;
        }
    }

    /// <summary>The first signal asks for a checkpoint and a stop, the second leaves at once.</summary>
    private void OnSignal(PosixSignal signal, RankProcess rank)
    {
        var code = signal == PosixSignal.SIGINT ? ExitCodes.Interrupted : signal == PosixSignal.SIGTERM ? ExitCodes.Terminated : 129;
        if (Interlocked.CompareExchange(ref _stopSignal, code, 0) != 0)
        {
            rank.Kill();
            return;
        }

        Console.Error.WriteLine("saving a checkpoint and stopping after this step (again: leave at once) …");
        _ = rank.SendAsync(new StopRequest());
    }

    private sealed class Signals : IDisposable
    {
        private readonly PosixSignalRegistration[] _registrations;

        public Signals(Action<PosixSignal> act) => _registrations =
        [
            .. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(s => PosixSignalRegistration.Create(s, c =>
            {
                c.Cancel = true;
                act(c.Signal);
            })),
        ];

        public void Dispose()
        {
            foreach (var registration in _registrations) registration.Dispose();
        }
    }
}
