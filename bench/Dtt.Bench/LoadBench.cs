using System.Diagnostics;
using System.Globalization;
using Dtt.Abstractions;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Storage;
using Dtt.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.TestingHost;

namespace Dtt.Bench;

/// <summary>
/// A busy platform: runs on every GPU of many nodes that report each second, as their agents do, and a long queue behind them, against one silo with its real
/// storage. Printed are the cores that it takes (with those who report, in the same process) and how long its calls take.
/// </summary>
internal static class LoadBench
{
    private static readonly TimeSpan _warmUp = TimeSpan.FromSeconds(10);

    /// <summary>Measures and prints.</summary>
    /// <param name="nodes">Nodes.</param>
    /// <param name="gpus">GPUs of each.</param>
    /// <param name="ranks">Ranks of each run.</param>
    /// <param name="queued">Runs that wait.</param>
    /// <param name="seconds">How long to measure.</param>
    public static async Task RunAsync(int nodes, int gpus, int ranks, int queued, int seconds)
    {
        var folder = Directory.CreateTempSubdirectory("dtt-load-").FullName;
        var postgres = PostgresAddress.FromEnvironment();
        using var database = await Database.OpenAsync(new PlatformFolders(folder, folder), postgres);
        var agents = new FakeNodes(nodes, gpus);
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton(database.Tables).AddSingleton<INodeAgents>(agents).AddPlatformWire(GrainJson.Default);
            foreach (var (provider, source) in new[] { (StateStorage.Provider, database.State), (StateStorage.PieceProvider, database.Pieces) })
            {
                silo.AddAdoNetGrainStorage(
                    provider, o => (o.Invariant, o.DataSource, o.GrainStorageSerializer) = (database.Invariant, source, new StateSerializer()));
            }

            silo.UseAdoNetReminderService(o => (o.Invariant, o.DataSource) = (database.Invariant, database.State));
        });
        builder.ConfigureSiloHost((_, host) => host.Logging.SetMinimumLevel(LogLevel.Error));
        builder.ConfigureClient(client => client.Services.AddPlatformWire(GrainJson.Default));
        await using var cluster = builder.Build();
        await cluster.DeployAsync();

        var running = nodes * gpus / ranks;
        var clock = Stopwatch.StartNew();
        var runs = Enumerable.Range(0, running + queued).Select(n => Path.Combine(folder, "runs", $"run-{n}")).ToArray();
        foreach (var run in runs) await cluster.Client.Run(run).CreateAsync(Request(ranks));
        var live = new List<string>();
        while (live.Count < running)
        {
            live.Clear();
            foreach (var run in runs)
            {
                if ((await cluster.Client.Run(run).FindAsync())!.Placements.Count > 0) live.Add(run);
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{runs.Length} runs made and {running} placed in {clock.Elapsed.TotalSeconds:0.0} s"));
        using var stop = new CancellationTokenSource();
        var (reports, lists) = (new Calls(), new Calls());
        var load = live.Select((run, n) => ReportAsync(cluster.Client.Run(run), agents.Here, n * 1000 / running, reports, stop.Token))
            .Append(LookAsync(cluster.Client, lists, stop.Token)).ToArray();
        await Task.Delay(_warmUp);
        reports.Clear();
        lists.Clear();
        using var self = Process.GetCurrentProcess();
        var before = self.TotalProcessorTime;
        clock.Restart();
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        self.Refresh();
        var cores = (self.TotalProcessorTime - before) / clock.Elapsed;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{(postgres is null ? "SQLite" : "PostgreSQL")}: {cores:0.00} cores; reports and renewals: {reports}; lists of runs and queue: {lists}"));
        await stop.CancelAsync();
        await Task.WhenAll(load);
        Directory.Delete(folder, recursive: true);
    }

    private static RunRequest Request(int ranks) => new()
    {
        ConfigYaml = $"name: load\ncuda: true\nranks_per_node: {ranks}\n",
        TokensFolder = "/tokens",
        TokenizerFolder = "/tokenizer",
        Environment = new Dictionary<string, string>(),
    };

    /// <summary>What an agent says of a run: a row of metrics a second, and every other second that its ranks live.</summary>
    private static async Task ReportAsync(IRunGrain run, NodeRef node, int startMilliseconds, Calls calls, CancellationToken stop)
    {
        await Task.Delay(startMilliseconds, CancellationToken.None);
        using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (var step = 1; !stop.IsCancellationRequested; step++)
        {
            var row = new StepMetrics(step, new Dictionary<string, double>
            {
                [MetricNames.StepSeconds] = 1,
                [MetricNames.TrainLoss] = 1.0 / step,
                [MetricNames.TokensPerSecond] = 1e6,
            });
            var number = step;
            await calls.TimeAsync(() => run.ReportAsync(1, number, [new MetricsReport([row])]));
            if (step % 2 == 0) await calls.TimeAsync(() => run.RenewAsync(1, node, null));
            await second.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    /// <summary>What a person looks at, each second.</summary>
    private static async Task LookAsync(IGrainFactory grains, Calls calls, CancellationToken stop)
    {
        using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
        while (!stop.IsCancellationRequested)
        {
            await calls.TimeAsync(() => grains.GetGrain<IPlatformGrain>(0).RunsAsync(null));
            await calls.TimeAsync(() => grains.GetGrain<IQueueGrain>(0).ListAsync());
            await second.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    /// <summary>How long calls took.</summary>
    private sealed class Calls
    {
        private readonly List<double> _milliseconds = [];

        public async Task TimeAsync(Func<Task> call)
        {
            var began = Stopwatch.GetTimestamp();
            await call();
            lock (_milliseconds) _milliseconds.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        public void Clear()
        {
            lock (_milliseconds) _milliseconds.Clear();
        }

        public override string ToString()
        {
            lock (_milliseconds)
            {
                var sorted = _milliseconds.Order().ToList();
                double At(double share) => sorted[(int)(share * (sorted.Count - 1))];
                return string.Create(CultureInfo.InvariantCulture,
                    $"{sorted.Count} calls, median {At(0.5):0.0} ms, p99 {At(0.99):0.0} ms, longest {At(1):0.0} ms");
            }
        }
    }
}
