using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Storage;
using Dtt.Silo.Storage;
using Dtt.Tests;

namespace Dtt.Silo.Tests.Storage;

/// <summary>The tables on a real database of each kind: what a repeated, an outdated and an odd write leave behind.</summary>
public abstract class PlatformTablesTests : IAsyncLifetime
{
    protected const string Run = "/runs/a";
    protected static readonly DateTimeOffset At = new(2026, 3, 1, 12, 0, 0, 7, TimeSpan.Zero);
    private protected readonly TempFolder _folder = new();
    private protected Database _database = null!;
    private protected IPlatformTables _tables = null!;

    public virtual async ValueTask InitializeAsync()
    {
        _database = await OpenAsync();
        _tables = _database.Tables;
    }

    public virtual ValueTask DisposeAsync()
    {
        _database?.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task SumOfASeries_IsSplitAtAStep_WithoutWhatIsNotFinite()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("s", 1)), Row(2, ("s", double.NaN)), Row(3, ("s", double.PositiveInfinity), ("t", 100))]);
        await _tables.AddMetricsAsync(Run, 1, [Row(4, ("s", 2))]);
        await _tables.AddMetricsAsync(Run, 2, [Row(1, ("s", 100))]);
        Assert.Equal((1.0, 2.0), await _tables.SumSeriesAsync(Run, 1, "s", 3));
        Assert.Equal((3.0, 0.0), await _tables.SumSeriesAsync(Run, 1, "s", long.MaxValue));
        Assert.Equal((0.0, 0.0), await _tables.SumSeriesAsync(Run, 1, "none", 3));
    }

    [Fact]
    public async Task LastSteps_AreThoseOfEachAttemptThatHasTheMetric()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("s", 1)), Row(7, ("s", double.NaN)), Row(9, ("t", 1))]);
        await _tables.AddMetricsAsync(Run, 2, [Row(9, ("t", 1))]);
        await _tables.AddMetricsAsync(Run, 3, [Row(5, ("s", 1))]);
        await _tables.AddMetricsAsync(Run + "2", 4, [Row(8, ("s", 1))]);
        Assert.Equal(new Dictionary<int, long> { [1] = 7, [3] = 5 }, await _tables.ReadLastStepsAsync(Run, "s"));
    }

    [Fact]
    public async Task EveryWriteTwice_LeavesWhatOneDoes()
    {
        NumberedEvent[] events = [new(1, new RunEvent(At, "created", "a")), new(2, new RunEvent(At.AddSeconds(1), "started", "b"))];
        for (var i = 0; i < 2; i++)
        {
            await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4)), Row(2, ("train_loss", 3), ("val_loss", 3.5))]);
            await _tables.AddMetricsAsync(Run, 2, [Row(2, ("train_loss", 2.5))]);
            await _tables.AddEventsAsync(Run, events);
            await _tables.PutRunAsync(RunRow(Run, version: 1));
            await _tables.PutDatasetAsync(DatasetRow("/data/a", version: 1));
            await _tables.SyncMetricsAsync();
        }

        Assert.Equal([(1L, "train_loss", 4d), (2L, "train_loss", 3d), (2L, "val_loss", 3.5)], Flat(await _tables.ReadMetricsAsync(Run, 1)));
        Assert.Equal([(2L, 2.5)], await _tables.ReadSeriesAsync(Run, 2, "train_loss"));
        Assert.Equal(events.Select(e => e.Event), await _tables.ReadEventsAsync(Run));
        Assert.Equal(Run, Assert.Single(await _tables.ListRunsAsync()).Folder);
        Assert.Equal("/data/a", Assert.Single(await _tables.ListDatasetsAsync()).Folder);

        await _tables.PutRunAsync(RunRow("/runs/b", version: 1));
        await _tables.AddMetricsAsync("/runs/b", 1, [Row(1, ("train_loss", 9))]);
        for (var i = 0; i < 2; i++)
        {
            await _tables.DeleteRunAsync(Run);
            Assert.Null(await _tables.FindRunAsync(Run));
            Assert.Empty(await _tables.ReadMetricsAsync(Run, 1));
            Assert.Empty(await _tables.ReadEventsAsync(Run));
        }

        Assert.NotNull(await _tables.FindRunAsync("/runs/b"));
        Assert.Equal([(1L, 9d)], await _tables.ReadSeriesAsync("/runs/b", 1, "train_loss"));
    }

    [Fact]
    public async Task AKeyThatIsThere_IsLeftAlone()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4))]);
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 5), ("val_loss", 6)), Row(2, ("train_loss", 3))]);
        Assert.Equal([(1L, "train_loss", 4d), (1L, "val_loss", 6d), (2L, "train_loss", 3d)], Flat(await _tables.ReadMetricsAsync(Run, 1)));

        await _tables.AddEventsAsync(Run, [new(1, new RunEvent(At, "created", "first"))]);
        await _tables.AddEventsAsync(Run, [new(1, new RunEvent(At, "created", "second")), new(2, new RunEvent(At, "started", "third"))]);
        Assert.Equal(["first", "third"], (await _tables.ReadEventsAsync(Run)).Select(e => e.Message));
    }

    [Fact]
    public async Task AnIndexLine_IsReplacedByItsOwnAndLaterVersions_NeverByAnEarlierOne()
    {
        foreach (var (version, step) in new[] { (2L, 10L), (2L, 20L), (1L, 30L) })
        {
            await _tables.PutRunAsync(RunRow(Run, version) with { Step = step });
            await _tables.PutDatasetAsync(DatasetRow("/data/a", version) with { PiecesDone = (int)step });
        }

        Assert.Equal((2L, 20L), ((await _tables.FindRunAsync(Run))!.Version, (await _tables.FindRunAsync(Run))!.Step));
        var dataset = Assert.Single(await _tables.ListDatasetsAsync());
        Assert.Equal((2L, 20), (dataset.Version, dataset.PiecesDone));
    }

    [Fact]
    public async Task ValuesThatAreNotFinite_ComeBackAsTheyWere()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("a", double.NaN), ("b", double.PositiveInfinity), ("c", double.NegativeInfinity), ("d", 5e-324))]);
        await _tables.PutRunAsync(RunRow(Run, version: 1) with { TrainLoss = double.NaN });
        var values = Assert.Single(await _tables.ReadMetricsAsync(Run, 1)).Values;
        Assert.Equal([double.NaN, double.PositiveInfinity, double.NegativeInfinity, 5e-324], new[] { "a", "b", "c", "d" }.Select(n => values[n]));
        Assert.Equal([(1L, double.NaN)], await _tables.ReadSeriesAsync(Run, 1, "a"));
        Assert.Equal(double.NaN, (await _tables.FindRunAsync(Run))!.TrainLoss);
    }

    [Fact]
    public async Task WritesOfOneCaller_HappenInTheOrderOfTheCalls_WithoutAwaitingEach()
    {
        var writes = Enumerable.Range(1, 200).Select(i => _tables.PutRunAsync(RunRow(Run, version: 1) with { Step = i })).ToArray();
        await Task.WhenAll(writes);
        Assert.Equal(200, (await _tables.FindRunAsync(Run))!.Step);
    }

    [Fact]
    public async Task ADayOfSteps_GoesInAndComesBack()
    {
        var rows = Enumerable.Range(1, 5_000).Select(i => Row(i, ("train_loss", 1d / i), ("grad_norm", i))).ToList();
        await _tables.AddMetricsAsync(Run, 1, rows);
        await _tables.AddMetricsAsync(Run, 1, []);
        await _tables.AddEventsAsync(Run, []);
        Assert.Equal(Flat(rows), Flat(await _tables.ReadMetricsAsync(Run, 1)));
    }

    [Fact]
    public async Task OfAStepThatStandsTwiceInABatch_TheFirstStays()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4)), Row(1, ("train_loss", 5), ("val_loss", 6)), Row(1, ("train_loss", 7))]);
        Assert.Equal([(1L, "train_loss", 4d), (1L, "val_loss", 6d)], Flat(await _tables.ReadMetricsAsync(Run, 1)));
    }

    [Fact]
    public async Task OddTexts_AreStored()
    {
        string[] messages = ["an apostrophe' and a \" and a \\", "é 😀 \u2028", "a nul \0 and half a pair \ud83d", "{0} $1 @run %s", ""];
        await _tables.AddEventsAsync("/runs/ö '; DROP", [.. messages.Select((m, i) => new NumberedEvent(i, new RunEvent(At, "kind", m)))]);
        var read = (await _tables.ReadEventsAsync("/runs/ö '; DROP")).Select(e => e.Message).ToList();
        Assert.Equal([messages[0], messages[1], messages[3], messages[4]], [read[0], read[1], read[3], read[4]]);
        Assert.StartsWith("a nul ", read[2]);
        await _tables.PutRunAsync(RunRow("/runs/ö '; DROP", version: 1));
        Assert.Equal("ö '; DROP", Assert.Single(await _tables.ListRunsAsync()).Run);
    }

    [Fact]
    public async Task Lists_AreInTheOrderOfTimeAndOfBytes()
    {
        foreach (var name in new[] { "/b", "/a", "/B", "/ä" })
        {
            await _tables.PutRunAsync(RunRow(name, version: 1) with { CreatedAt = name == "/b" ? At.AddDays(-1) : At });
            await _tables.PutDatasetAsync(DatasetRow(name, version: 1));
        }

        Assert.Equal(["/b", "/B", "/a", "/ä"], (await _tables.ListRunsAsync()).Select(r => r.Folder));
        Assert.Equal(["/B", "/a", "/b", "/ä"], (await _tables.ListDatasetsAsync()).Select(r => r.Folder));
    }

    [Fact]
    public async Task CancelledRead_Ends()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _tables.ReadMetricsAsync(Run, 1, new CancellationToken(canceled: true)));
    }

    private protected abstract Task<Database> OpenAsync();

    protected static StepMetrics Row(long step, params (string Name, double Value)[] values) => new(step, values.ToDictionary(v => v.Name, v => v.Value));

    protected static IEnumerable<(long, string, double)> Flat(IReadOnlyList<StepMetrics> rows) =>
        rows.SelectMany(r => r.Values.OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => (r.Step, v.Key, v.Value)));

    protected static RunRow RunRow(string folder, long version) => new()
    {
        Folder = folder,
        Run = Path.GetFileName(folder),
        State = RunState.Running,
        Step = 1,
        TotalSteps = 10,
        Tokens = 100,
        Attempts = 1,
        CreatedAt = At,
        Version = version,
    };

    protected static DatasetProgress DatasetRow(string folder, long version) => new()
    {
        Folder = folder,
        Dataset = "a",
        RawOnly = true,
        Stage = DatasetStage.Fetching,
        Pieces = 3,
        PiecesDone = 1,
        Notes = ["a note"],
        FailureCode = 0,
        Version = version,
    };
}
