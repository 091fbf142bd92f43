using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Silo.Ranks;
using Dtt.Tests;

namespace Dtt.Silo.Tests.Ranks;

/// <summary>Real child processes that speak the rank protocol; what each does stands in the run's configuration.</summary>
public sealed class RankGroupTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Ranks_ThatAllFinish_EndWithoutBlame()
    {
        await using var ranks = await StartAsync("say:hello finish", "say:unheard finish");
        var messages = await ReadToEndAsync(ranks);
        Assert.Equal(new RankEvent("test", "hello"), messages[0]);
        Assert.IsType<RankFinished>(Assert.Single(messages.Skip(1))); // rank 0 speaks for all
        Assert.Contains("ended with exit code 0", ranks.Verdict().Line);
    }

    [Theory]
    [InlineData("hang")]
    [InlineData("lose:1")]
    public async Task Rank_ThatDies_IsNamed_AndTheOthersAreEnded(string rank0)
    {
        await using var ranks = await StartAsync($"step:7 listen:a {rank0}", "step:7 print:last-line listen:b die");
        Assert.IsType<MetricsReport>((await ReadToEndAsync(ranks))[0]);
        Assert.False(ranks.Verdict().Hung);
        Assert.Equal("rank 1 was killed by signal 9 in phase train after step 7; its last lines: last-line", ranks.Verdict().Line);
    }

    [Fact]
    public async Task Rank_ThatIsEndedForTheOthersSake_IsNotBlamed()
    {
        await using var ranks = await StartAsync("lose:7", "hang");
        _ = await ReadToEndAsync(ranks);
        Assert.Equal((DeathKind.Peer, "rank 0 ended because rank 7 is gone in phase init after step 0"), (ranks.Verdict().Kind, ranks.Verdict().Line));
    }

    [Fact]
    public async Task Rank_ThatLeavesWithAnExitCode_IsNamed()
    {
        await using var ranks = await StartAsync("exit:3", "hang");
        _ = await ReadToEndAsync(ranks);
        Assert.Equal("rank 0 ended with exit code 3 in phase init after step 0", ranks.Verdict().Line);
    }

    [Fact]
    public async Task Rank_ThatSaysWhyItFails_IsHeardWhicheverItIs()
    {
        await using var ranks = await StartAsync("hang", "say:unheard fail:no-memory");
        Assert.Equal(new RankFailed("no-memory", 1), Assert.Single(await ReadToEndAsync(ranks)));
    }

    [Fact]
    public async Task Rank_ThatHangs_IsNamed_AndNotTheOneThatWaitsForIt()
    {
        // A tenth of the deadlines: two seconds of silence while training, a minute until then.
        await using var ranks = await StartAsync("collectives:9:8 step:4 hang", "collectives:8:8 step:4 hang");
        _ = await ReadToEndAsync(ranks);
        Assert.True(ranks.Verdict().Hung);
        Assert.Matches(@"^rank 1 hung in phase train after step 4: no sign for \d+ s, the deadline is 2 s$", ranks.Verdict().Line);
    }

    [Theory]
    [InlineData("loop", "LoopsForEver")]
    [InlineData("block", "BlocksForEver")]
    [InlineData("stop", "NativeCalls.Raise")]
    public async Task Rank_ThatHangs_LeavesWhatItsThreadsDid(string how, string method)
    {
        await using var ranks = await StartAsync($"step:4 {how}");
        _ = await ReadToEndAsync(ranks);
        Assert.Contains("hung in phase train after step 4", ranks.Verdict().Line);
        Assert.Equal("main thread:", ranks.Verdict().Stacks[0]);
        Assert.Contains(ranks.Verdict().Stacks, l => l.Contains(method));
        Assert.InRange(ranks.Verdict().Stacks.Count, 2, 60);
    }

    [Fact]
    public async Task Threads_OfAProcessThatIsGone_AreNone() => Assert.Empty(await RankThreads.ReadAsync(int.MaxValue, TimeProvider.System));

    [Fact]
    public async Task Ranks_ThatListen_AreToldOfEachOther()
    {
        await using var ranks = await StartAsync("listen:a finish", "listen:b finish");
        Assert.Equal(new RankEvent("test", "a b"), (await ReadToEndAsync(ranks))[0]);
    }

    private async Task<RankGroup> StartAsync(params string[] ranks)
    {
        var spec = new TrainSpec
        {
            Run = "r",
            RunFolder = _folder.Path,
            Attempt = 1,
            ConfigYaml = string.Join('\n', ranks),
            TokensFolder = "",
            TokenizerFolder = "",
            GlobalBatchWindows = 0,
            ResumeFrom = [],
            WorldSize = ranks.Length,
        };
        var devices = ranks.Select((_, rank) => (rank == 0 ? "cpu" : $"cpu:{rank}", _folder["device.lock"])).ToList();
        return await RankGroup.StartAsync(spec, devices, new Dictionary<string, string> { ["DTT_DEADLINE_SCALE"] = "0.1" }, TimeProvider.System);
    }

    private static async Task<List<RankMessage>> ReadToEndAsync(RankGroup ranks)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        return await ranks.Messages.ReadAllAsync(timeout.Token).ToListAsync(timeout.Token);
    }
}
