using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Dtt.Abstractions;
using Dtt.Core.Alerts;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Telemetry;
using Dtt.Grains.Tests.Platform;
using Dtt.Tests;

namespace Dtt.Grains.Tests.Runs;

/// <summary>What a run's grain tells the world: alerts, metrics, where its time went.</summary>
public sealed class RunTelemetryTests : IAsyncLifetime
{
    private const string Folder = "/runs/watched";
    private readonly FakeAgents _agents = new(["cpu"]);
    private TestPlatform _platform = null!;

    private IRunGrain Run => _platform.Grains.Run(Folder);

    public async ValueTask InitializeAsync() => _platform = await TestPlatform.StartAsync(_agents);

    public ValueTask DisposeAsync() => _platform.DisposeAsync();

    [Fact]
    public async Task Alerts_OfALife_AreRaisedOnceEach_AlsoWhenItIsActivatedAgain()
    {
        _platform.Alerts.Rules = [new AlertRule { Origin = "p:1", WaitingAfter = TimeSpan.FromDays(1) }];
        await StartAsync();
        _agents.Hold("cpu", Folder, held: false);
        await Run.EndedAsync(_agents.Here, new AttemptEnd(1, null, CauseCard.Of(DeathKind.Rank, "the rank hung") with { Hung = true }));
        await LaunchedAsync(2);
        await Run.ReportAsync(2, 1, [Started()]);
        await _platform.DeactivateAsync(Run);
        await Run.ReportAsync(2, 1, [Started()]);
        await Run.EndedAsync(_agents.Here, new AttemptEnd(2, new RankFinished(1, Completed: true), null));
        Assert.Equal([AlertKind.Hung, AlertKind.Recovered, AlertKind.Completed], await KindsAsync(3));
    }

    [Fact]
    public async Task Alerts_OfARunThatWaits_GoToThoseWhoseTimeHasCome_Once()
    {
        _agents.Hold("cpu", "/runs/another", held: true);
        _platform.Alerts.Rules =
        [
            new AlertRule { Origin = "p:1", WaitingAfter = TimeSpan.FromTicks(1) }, new AlertRule { Origin = "p:2", WaitingAfter = TimeSpan.FromDays(1) },
        ];
        Assert.True((await Run.CreateAsync(RunGrainTests.Request())).Created);
        await Wait.UntilAsync("why it waits", async () => (await Run.FindAsync())!.Waiting is not null);
        await Run.CheckAsync();
        await Run.CheckAsync();
        _platform.Alerts.Raise(new Alert(AlertKind.Failed, "/runs/end", default, ""));
        var raised = await RaisedAsync(2);
        Assert.Equal(("p:1", AlertKind.Waiting), (raised[0].Rule.Origin, raised[0].Alert.Kind));
        Assert.Matches("it has waited [0-9]+ s for attempt 1", raised[0].Alert.Message);
        Assert.Equal(AlertKind.Failed, raised[1].Alert.Kind);
    }

    [Fact]
    public async Task Metrics_AreThoseOfTheRunsThatLiveHere()
    {
        var seen = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == RunMeter.Name) self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => See(instrument, value, tags));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => See(instrument, value, tags));
        listener.Start();
        await StartAsync();
        await Run.ReportAsync(1, 2, [new MetricsReport([new StepMetrics(7, new Dictionary<string, double>
        {
            [MetricNames.TrainLoss] = 2.5,
            [MetricNames.StepSeconds] = 0.25,
            [MetricNames.TokensPerSecond] = 512,
        })])]);
        var checkpoint = new WrittenCheckpoint { Step = 7, Attempt = 1, ManifestSha256 = "m", WeightsSha256 = "w", SizeBytes = 1 };
        Assert.True((await Run.CommitAsync(checkpoint)).Accepted);
        await Run.CheckAsync();
        listener.RecordObservableInstruments();
        Assert.Equal((1, 7, 1, 2.5, 512), (seen["dtt.run.state"], seen["dtt.run.step"], seen["dtt.run.attempts"], seen["dtt.run.train_loss"],
            seen["dtt.run.tokens_per_second"]));
        Assert.Equal(0.25, seen["dtt.run.step_seconds"]);
        Assert.True(seen["dtt.run.goodput"] > 0);
        Assert.False(seen.ContainsKey("dtt.run.val_loss"));
        await _platform.DeactivateAsync(Run);
        seen.Clear();
        listener.RecordObservableInstruments();
        Assert.Empty(seen);

        void See(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var tag in tags)
            {
                if (tag is { Key: "folder", Value: Folder }) seen[instrument.Name] = value;
            }
        }
    }

    [Fact]
    public async Task Goodput_OfARunThatTrains_IsItsStepsOverItsTime_AndOfNoRunIsNull()
    {
        Assert.Null(await Run.GoodputAsync());
        await StartAsync();
        await Run.ReportAsync(1, 2, [new MetricsReport([new StepMetrics(1, new Dictionary<string, double> { [MetricNames.StepSeconds] = 1e-6 })])]);
        var goodput = (await Run.GoodputAsync())!;
        Assert.Equal(1e-6, goodput.UsefulSeconds);
        Assert.InRange(goodput.Share, 1e-12, 1);
        Assert.Equal(goodput.Seconds, goodput.UsefulSeconds + goodput.LostSeconds.Values.Sum(), 1e-9);
    }

    private static RankStarted Started() => new() { FromStep = 0, Plan = new RunPlan(100, 4, 64), Fingerprint = "f", Parameters = 1, Device = "cpu" };

    private async Task StartAsync()
    {
        Assert.True((await Run.CreateAsync(RunGrainTests.Request())).Created);
        await LaunchedAsync(1);
        Assert.True((await Run.ReportAsync(1, 1, [Started()])).Current);
    }

    private Task LaunchedAsync(int attempt) => Wait.ForAsync($"the launch of attempt {attempt}", () => _agents.Heard($"LaunchAsync {Folder} {attempt}"));

    private async Task<List<(AlertRule Rule, Alert Alert)>> RaisedAsync(int count)
    {
        var raised = new List<(AlertRule, Alert)>();
        await foreach (var next in _platform.Alerts.ReadAsync(TestContext.Current.CancellationToken))
        {
            raised.Add(next);
            if (raised.Count == count) break;
        }

        return raised;
    }

    private async Task<AlertKind[]> KindsAsync(int count) => [.. (await RaisedAsync(count)).Select(r => r.Alert.Kind)];
}
