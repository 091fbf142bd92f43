using System.Text.Json;
using Dtt.Silo.Tests.Storage;
using Dtt.Tests;

namespace Dtt.Silo.Tests.Cluster;

/// <summary>Tokenizing over several nodes, some of which die: the bytes are those of one undisturbed silo.</summary>
public sealed class TokenizeTests(WholeText text, PostgresFixture postgres, ITestOutputHelper output) : IClassFixture<WholeText>, IAsyncLifetime
{
    private const string A = "127.0.0.2", B = "127.0.0.3";
    private TestCluster _cluster = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = new TestCluster(await (await postgres.ServerAsync()).CreateDatabaseAsync());
        _cluster.Write("configs/project_datasets/text.yaml", text.Config);
    }

    public ValueTask DisposeAsync()
    {
        _cluster?.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task TwoNodes_ShareThePieces()
    {
        await _cluster.StartAsync("a", A);
        await _cluster.StartAsync("b", B);
        await TokenizeAsync();
        var row = await RowAsync();
        var nodes = row.GetProperty("nodes").EnumerateArray().ToList();
        Assert.Equal(["a", "b"], nodes.Select(n => n.GetProperty("node").GetString()));
        Assert.Equal(WholeText.Pieces, nodes.Sum(n => n.GetProperty("pieces").GetInt32()));
        Assert.All(nodes, n => Assert.True(n.GetProperty("tokens_per_second").GetDouble() > 0));
        output.WriteLine(string.Join(", ", nodes.Select(n => $"{n}")));
        Assert.Matches(@"a: \d+ at [\d,]+ tok/s, b: \d+ at [\d,]+ tok/s", await _cluster.OutputAsync("datasets"));
    }

    [Theory]
    [InlineData("silo.piece:3")]     // counting
    [InlineData("silo.piece:20")]    // encoding
    [InlineData("silo.piece:32")]    // verifying
    public async Task NodeKilled_TheOtherGoesOn(string point)
    {
        if (point != "silo.piece:20") LongTests.Only();
        var a = await _cluster.StartAsync("a", A);
        var b = await _cluster.StartAsync("b", B, ("DTT_CRASH_AT", point));
        await TokenizeAsync();
        Assert.Equal(137, await b.ExitAsync());
        await a.SaidAsync("node b is gone");
        Assert.Equal("done", (await RowAsync()).GetProperty("stage").GetString());
    }

    /// <summary>Whichever node has the work on the whole; another goes on with what it left.</summary>
    [Theory]
    [InlineData("silo.merged")]
    [InlineData("tokens.moved:15")]
    [InlineData("tokens.assembled")]
    public async Task NodeKilledAmidMergingOrAssembling_AnotherGoesOn(string point)
    {
        if (point != "silo.merged") LongTests.Only();
        var nodes = await Task.WhenAll(_cluster.StartAsync("a", A, ("DTT_CRASH_AT", point)), _cluster.StartAsync("b", B, ("DTT_CRASH_AT", point)));
        await _cluster.OutputAsync("download", "-d", "text");
        var tokenizing = _cluster.DttAsync("tokenize", "-d", "text", "-v", "400");
        Assert.Equal(137, await await Task.WhenAny(nodes.Select(n => n.ExitAsync())));
        await _cluster.StartAsync("c", "127.0.0.4");
        var (code, _, error) = await tokenizing;
        Assert.True(code == 0, error);
        Assert.Equal(text.Hashes, WholeText.HashesOf(_cluster.Folder));
        Assert.False(Directory.Exists(_cluster["data/text/tokens/text_400.partial"]));
        Assert.False(Directory.Exists(_cluster["tokenizers/text_400.counting"]));
    }

    [Fact]
    public async Task OnlyNodeKilled_AndStartedAgain_TheCommandGoesOn()
    {
        LongTests.Only();
        var a = await _cluster.StartAsync("a", A, ("DTT_CRASH_AT", "silo.piece:45"));
        await _cluster.OutputAsync("download", "-d", "text");
        var command = _cluster.DttAsync("tokenize", "-d", "text", "-v", "400");
        Assert.Equal(137, await a.ExitAsync());
        await _cluster.StartAsync("a", A);
        var (code, _, error) = await command;
        Assert.True(code == 0, error);
        Assert.Contains("a node of the cluster is gone", error);
        Assert.Equal(text.Hashes, WholeText.HashesOf(_cluster.Folder));
        Assert.False(File.Exists(Path.Combine(_cluster["client"], "silo.json")), "a silo was started beside the cluster");
    }

    [Fact]
    public async Task AllKilled_ANodeThatJoins_GoesOnWithoutACommand()
    {
        LongTests.Only();
        var a = await _cluster.StartAsync("a", A, ("DTT_CRASH_AT", "silo.piece:45"));
        await _cluster.OutputAsync("download", "-d", "text");
        var (code, _, error) = await _cluster.DttAsync("tokenize", "-d", "text", "-v", "400");
        Assert.Equal(75, code);
        Assert.Contains("no node of the cluster", error);
        await a.ExitAsync();
        await _cluster.StartAsync("b", B);
        await Wait.UntilAsync("the end", async () => (await RowAsync()).GetProperty("stage").GetString() == "done");
        Assert.Equal(text.Hashes, WholeText.HashesOf(_cluster.Folder));
    }

    [Fact]
    public async Task DiskFull_IsToldInWords_AndWithRoomTheBytesAreTheSame()
    {
        using var mounts = await OwnMounts.StartAsync();
        var data = _cluster["data"];
        Directory.CreateDirectory(data);
        await mounts.DiskAsync(data, "100k");
        _cluster.Within = [.. mounts.Within, "env", "-C", _cluster.Folder];
        await _cluster.StartAsync("a", A);
        await _cluster.StartAsync("b", B);
        await _cluster.OutputAsync("download", "-d", "text");
        var (code, _, error) = await _cluster.DttAsync("tokenize", "-d", "text", "-v", "400");
        Assert.Equal(1, code);
        Assert.Contains("No space left on device", error);
        Assert.DoesNotContain("this is a bug", error);

        await mounts.ResizeAsync(data, "50m");
        await _cluster.OutputAsync("tokenize", "-d", "text", "-v", "400");
        Assert.Equal(text.Hashes, WholeText.HashesOf(mounts.Seen(_cluster.Folder)));
    }

    private async Task TokenizeAsync()
    {
        await _cluster.OutputAsync("download", "-d", "text");
        await _cluster.OutputAsync("tokenize", "-d", "text", "-v", "400");
        Assert.Equal(text.Hashes, WholeText.HashesOf(_cluster.Folder));
    }

    private async Task<JsonElement> RowAsync() =>
        (await _cluster.JsonAsync("datasets")).EnumerateArray().Single(d => d.GetProperty("what").GetString() == "tokens");
}
