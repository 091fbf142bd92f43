using System.Text.Json;
using Dtt.Abstractions;
using Dtt.Core.Configuration;
using Dtt.Grains.Datasets;
using Dtt.Grains.Storage;

namespace Dtt.Grains.Tests.Datasets;

public sealed class DatasetDeciderTests
{
    private static readonly DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void Tokenize_GoesThroughItsStages_EachPieceOnce()
    {
        var (state, leases, seen) = (DatasetDecider.Begin(new DatasetState(), Job()).State, new WorkLeases(), new List<WorkItem>());
        var stages = new List<DatasetStage>();
        while (state.IsOpen)
        {
            if (stages.Count == 0 || stages[^1] != state.Stage) leases.Clear();
            stages.Add(state.Stage);
            var items = leases.Acquire(state, "s", 3, _now);
            seen.AddRange(items);
            leases.End(items);
            var done = items.Select(i => new WorkDone(i, i.Piece < 0 ? [$"{i.Stage}"] : null, i.Stage == DatasetStage.Planning ? 7 : 0));
            state = DatasetDecider.Apply(state, [.. done]);
        }

        Assert.Equal(
            [DatasetStage.Planning, DatasetStage.Counting, DatasetStage.Merging, DatasetStage.Encoding, DatasetStage.Verifying, DatasetStage.Assembling],
            stages.Distinct());
        Assert.Equal(DatasetStage.Done, state.Stage);
        Assert.Equal(3 + 3 * 7, seen.Count);
        Assert.Equal(seen.Count, seen.Distinct().Count());
        Assert.Equal(["Planning", "Merging", "Assembling"], state.Notes);
    }

    [Fact]
    public void Apply_WhatIsLateOrDoubled_ChangesNothing()
    {
        var state = Planned(pieces: 2);
        state = DatasetDecider.Apply(state, [new WorkDone(new WorkItem(DatasetStage.Counting, 0, state.Begun))]);
        WorkDone[] late = [new(new WorkItem(DatasetStage.Counting, 0, state.Begun)), new(new WorkItem(DatasetStage.Planning, -1, state.Begun), Pieces: 9)];
        Assert.Same(state, DatasetDecider.Apply(state, late));
    }

    [Fact]
    public void Apply_WhatAnEarlierBeginningMade_ChangesNothing_ForTheTextMayBeAnotherSince()
    {
        var failed = DatasetDecider.Apply(Planned(pieces: 2), [new(new WorkItem(DatasetStage.Counting, 1, 1), Error: "bad text", ErrorCode: 3)]);
        var again = DatasetDecider.Begin(failed, Job()).State;
        again = DatasetDecider.Apply(again, [new WorkDone(new WorkItem(DatasetStage.Planning, -1, again.Begun), Pieces: 2)]);
        Assert.Same(again, DatasetDecider.Apply(again, [new WorkDone(new WorkItem(DatasetStage.Counting, 0, 1))]));
        Assert.Same(again, DatasetDecider.Apply(again, [new WorkDone(new WorkItem(DatasetStage.Counting, 0, 1), Error: "bad text", ErrorCode: 3)]));
        Assert.Equal(1, DatasetDecider.Apply(again, [new WorkDone(new WorkItem(DatasetStage.Counting, 0, again.Begun))]).Done.Count);
    }

    [Fact]
    public void Leases_OfADeadSilo_EndAtOnce()
    {
        var (state, leases) = (Planned(pieces: 3), new WorkLeases());
        Assert.Equal([0, 1], leases.Acquire(state, "dead", 2, _now).Select(i => i.Piece));
        Assert.Equal([2], leases.Acquire(state, "alive", 9, _now).Select(i => i.Piece));
        Assert.Equal(["alive", "dead"], leases.Holders.Order());
        leases.EndOf("dead");
        Assert.Equal([0, 1], leases.Acquire(state, "alive", 9, _now).Select(i => i.Piece));
    }

    [Fact]
    public void Shares_CountWhatEachNodeDid_AndHowFast()
    {
        var shares = new NodeShares();
        shares.Begin("b", _now);
        shares.Begin("a", _now);
        WorkDone[] two = [new(new WorkItem(DatasetStage.Encoding, 0, 1), Tokens: 300), new(new WorkItem(DatasetStage.Encoding, 1, 1), Tokens: 100)];
        shares.Add("b", two, _now.AddSeconds(4));
        Assert.Equal([new NodeShare("b", 2, 400, 100)], shares.List());
        shares.Add("a", [new(new WorkItem(DatasetStage.Encoding, 2, 1), Error: "no disk")], _now.AddSeconds(5));
        Assert.Equal(["b"], shares.List().Select(s => s.Node));
    }

    [Fact]
    public void Lease_ThatPassed_IsOfferedAgain_AndARenewedOneIsNot()
    {
        var state = Planned(pieces: 3);
        var leases = new WorkLeases();
        Assert.Equal(3, leases.Acquire(state, "a", 9, _now).Count);
        Assert.Empty(leases.Acquire(state, "b", 9, _now));
        leases.Renew("a", [new WorkItem(DatasetStage.Counting, 1, state.Begun)], _now + WorkLeases.Time);
        Assert.Equal([0, 2], leases.Acquire(state, "b", 9, _now + WorkLeases.Time + TimeSpan.FromSeconds(1)).Select(i => i.Piece));
    }

    [Fact]
    public void Lease_ThatAnotherTookOver_IsItsOwn_UntilItPasses()
    {
        var (state, leases, late) = (Planned(pieces: 1), new WorkLeases(), _now + WorkLeases.Time + TimeSpan.FromSeconds(1));
        var item = leases.Acquire(state, "slow", 1, _now).Single();
        Assert.Equal([item], leases.Acquire(state, "quick", 1, late));
        leases.Renew("slow", [item], late);
        Assert.True(leases.IsOfAnother(item, "slow"));
        leases.Renew("slow", [item], late + WorkLeases.Time + TimeSpan.FromSeconds(1));
        Assert.False(leases.IsOfAnother(item, "slow"));
    }

    [Fact]
    public void Failure_OfAPieceThatIsDone_ChangesNothing()
    {
        var state = DatasetDecider.Apply(Planned(pieces: 2), [new(new WorkItem(DatasetStage.Counting, 0, 1))]);
        Assert.Same(state, DatasetDecider.Apply(state, [new(new WorkItem(DatasetStage.Counting, 0, state.Begun), Error: "the draft is gone", ErrorCode: 3)]));
    }

    [Fact]
    public void Failed_KeepsTheReason_AndBeginsAnew()
    {
        var failed = Done(new WorkDone(new WorkItem(DatasetStage.Planning, -1, 1), Error: "no text", ErrorCode: 3));
        Assert.Equal((DatasetStage.Failed, "no text", 3), (failed.Stage, failed.Notes[^1], failed.FailureCode));
        Assert.Equal(DatasetStage.Planning, DatasetDecider.Begin(failed, Job()).State.Stage);
    }

    [Fact]
    public void Begin_OfSomethingElseInTheSameFolder_IsRefusedWhileOneIsMade() =>
        Assert.NotNull(DatasetDecider.Begin(DatasetDecider.Begin(new DatasetState(), Job()).State, Job() with { ValFraction = 0.3 }).Refusal);

    [Fact]
    public void Begin_OfTheSameJobAfterJson_GoesOn()
    {
        DatasetJob Asked() => Job() with { PreTokenizer = "o200k", SpecialTokens = "<|user|>\n<|tool|>" };
        var state = DatasetDecider.Begin(new DatasetState(), Asked()).State;
        var back = JsonSerializer.Deserialize<DatasetJob>(JsonSerializer.Serialize(Asked()));
        Assert.Equal((state, null), DatasetDecider.Begin(state, back!));
    }

    [Fact]
    public void State_ComesBackFromJson()
    {
        var state = DatasetDecider.Begin(new DatasetState(), Job()).State with { Pieces = 130, Done = PieceSet.Empty.With([0, 64, 129]) };
        var back = JsonSerializer.Deserialize(JsonSerializer.SerializeToUtf8Bytes(state, GrainJson.Default.DatasetState), GrainJson.Default.DatasetState)!;
        Assert.Equal((state.Job, 3), (back.Job, back.Done.Count));
        Assert.Equal([0, 64, 129], Enumerable.Range(0, 200).Where(back.Done.Contains));
    }

    [Fact]
    public void RowOfAnOlderBuild_HasNoNodes()
    {
        const string row = """
            {"folder":"/d/tokens","dataset":"tales","raw_only":false,"stage":"Done","pieces":2,"pieces_done":2,"notes":[],"failure_code":0,"version":3}
            """;
        Assert.Empty(JsonSerializer.Deserialize(row, PlatformJson.Default.DatasetProgress)!.Nodes);
    }

    private static DatasetState Planned(int pieces) => Done(new WorkDone(new WorkItem(DatasetStage.Planning, -1, 1), Pieces: pieces));

    /// <summary>A job of which only this is done.</summary>
    private static DatasetState Done(WorkDone first) => DatasetDecider.Apply(DatasetDecider.Begin(new DatasetState(), Job()).State, [first]);

    internal static DatasetJob Job() => new()
    {
        Dataset = "d",
        RawOnly = false,
        RawFolder = "/raw",
        TokenizerFolder = "/v",
        TokensFolder = "/t",
        VocabSize = 512,
        ValFraction = 0.1,
        Config = new DatasetConfig
        {
            Source = "d.yaml",
            Path = null,
            Builtin = "tales",
            GeneratedBytes = 1,
            Seed = 0,
            Documents = "lines",
            TextField = "text",
            ShardTokens = 1,
            HubPath = null,
        },
    };
}
