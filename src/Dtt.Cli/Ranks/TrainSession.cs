using System.Runtime.InteropServices;
using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Errors;
using Dtt.Abstractions.Ranks;
using Dtt.Abstractions.Runs;
using Dtt.Cli.Output;

namespace Dtt.Cli.Ranks;

/// <summary>One attempt of a run from this terminal: starts the rank, keeps its word, shows its progress, and turns Ctrl+C into a checkpoint.</summary>
/// <param name="store">The runs.</param>
/// <param name="run">The run.</param>
/// <param name="cudaOrigin">Where the user asked for a GPU, to say so when there is none; null when nobody did.</param>
internal sealed class TrainSession(IRunStore store, string run, string? cudaOrigin = null)
{
    private int _stopSignal;

    /// <summary>Runs the next attempt to its end; the exit code.</summary>
    /// <exception cref="UserErrorException">Another process owns the run.</exception>
    public async Task<int> RunAsync()
    {
        var yaml = File.ReadAllText(Path.Combine(store.FolderOf(run), "config.yaml"));
        var config = RunConfig.Parse(yaml);
        using var attempt = store.Begin(run);
        var host = new AttemptHost(store, attempt, config);
        var log = Path.Combine(store.FolderOf(run), "logs", $"a{attempt.Attempt:00}.log");
        using var rank = await RankProcess.StartAsync(host.Spec(yaml), log);
        using var signals = new Signals(signal => OnSignal(signal, rank));
        var display = new TrainDisplay(run, config);
        await display.ShowAsync(async () =>
        {
            while (await rank.Pipe.ReceiveAsync() is { } message)
            {
                if (cudaOrigin is not null && message is RankStarted { Device: var device } && device.StartsWith("cpu", StringComparison.Ordinal))
                    Console.Error.WriteLine($"{cudaOrigin}: 'cuda: true', and libtorch sees no GPU on this machine: training on the CPU.");
                display.Show(message);
                if (host.Take(message) is { } answer) await rank.Pipe.SendAsync(answer);
            }
        });
        var exit = await rank.WaitAsync();
        return Tell(host.End(exit, rank.LastLines), host, exit, log);
    }

    private int Tell(RunState state, AttemptHost host, string exit, string log)
    {
        switch (state)
        {
            case RunState.Completed:
                return ExitCodes.Success;
            case RunState.Stopped:
                Console.Error.WriteLine($"stopped after step {((RankFinished)host.Ending!).Step}, everything is saved. Go on with: dtt resume {run}");
                return _stopSignal;
            case RunState.Failed:
                var failed = (RankFailed)host.Ending!;
                throw new UserErrorException(failed.Message, failed.ExitCode);
            default:
                if (_stopSignal != 0) Console.Error.WriteLine($"left at once. Go on from the last checkpoint with: dtt resume {run}");
                else Console.Error.WriteLine($"the rank {exit}; its log is {log}. Nothing committed is lost; go on with: dtt resume {run}");
                return _stopSignal != 0 ? _stopSignal : ExitCodes.Requeue;
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
        _ = Task.Run(async () =>
        {
            try
            {
                await rank.Pipe.SendAsync(new StopRequest());
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // The rank has left already.
            }
        });
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
