using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>
/// Tokenizing that is killed, with its silo, again and again: it goes on where it was, and its bytes are those of tokenizing that was not disturbed.
/// </summary>
public sealed class TokenizeKillTests : IAsyncLifetime
{
    private const int Files = 20;
    private readonly TempFolder _folder = new();

    private DttProgram Dtt => new(_folder.Path);

    public async ValueTask InitializeAsync()
    {
        // A file is a piece: it has more text than a shard of 2,000 tokens.
        for (var i = 0; i < Files; i++)
        {
            var lines = Enumerable.Range(0, 300).Select(n => $"the {n % 17} foxes of part {i} met {(n * 31 + i) % 101} hens and sang of rain {n}");
            _folder.Write($"text/part{i:00}.txt", string.Join("\n", lines));
        }

        foreach (var name in new[] { "killed", "whole" })
            _folder.Write($"configs/project_datasets/{name}.yaml", "path: text\ndocuments: lines\nshard_size: 2000\n");
        await Dtt.OutputAsync("download", "-d", "killed");
        await Dtt.OutputAsync("download", "-d", "whole");
    }

    public async ValueTask DisposeAsync()
    {
        await Dtt.EndSiloAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Tokenize_KilledAgainAndAgain_EndsByteIdentical()
    {
        await Dtt.OutputAsync("tokenize", "-d", "whole", "-v", "400");
        var codes = new List<int>();
        foreach (var point in LongTests.Asked ? new[] { "silo.piece:4", "silo.piece:30", "silo.piece:12" } : ["silo.piece:30"])
        {
            await Dtt.OutputAsync("silo", "stop", "--force"); // a dataset that is done may still be on its worker's list
            var crashed = await Dtt.RunAsync(["tokenize", "-d", "killed", "-v", "400"], ("DTT_CRASH_AT", point));

            // 75 when the command was connected; a command that is slow to connect starts another silo, which goes on, and may see the end.
            codes.Add(crashed.ExitCode);
            if (crashed.ExitCode != 0) await Wait.ForAsync("the crash", () => Dtt.Silo is null);
        }

        Assert.Contains(codes, code => code != 0);

        var last = await Dtt.RunAsync("tokenize", "-d", "killed", "-v", "400");
        Assert.True(last.ExitCode == 0, last.Error);
        foreach (var file in Directory.EnumerateFiles(_folder["data/whole/tokens/whole_400"], "*.bin"))
            AssertSameBytes(file, Path.Combine(_folder["data/killed/tokens/killed_400"], Path.GetFileName(file)));
        AssertSameBytes(_folder["tokenizers/whole_400/tokenizer.json"], _folder["tokenizers/killed_400/tokenizer.json"]);
        Assert.False(Directory.Exists(_folder["data/killed/tokens/killed_400.partial"]));
        Assert.False(Directory.Exists(_folder["tokenizers/killed_400.counting"]));
        var row = (await Dtt.JsonAsync("datasets")).EnumerateArray()
            .Single(d => d.GetProperty("dataset").GetString() == "killed" && d.GetProperty("what").GetString() == "tokens");
        Assert.Equal(("done", Files), (row.GetProperty("stage").GetString(), row.GetProperty("pieces").GetInt32()));
    }

    [Fact]
    public async Task Tokenize_WithoutDuplicates_KilledAgainAndAgain_EndsByteIdentical()
    {
        LongTests.Only();
        for (var i = 0; i < Files; i++)
        {
            var lines = Enumerable.Range(0, 300).Select(n => $"the {n % 17} foxes of part {(n % 3 == 0 ? 0 : i)} met {n * 31 % 101} hens and sang of rain {n}");
            _folder.Write($"again/part{i:00}.txt", string.Join("\n", lines));
        }

        string[] names = ["calm", "struck"];
        foreach (var name in names)
        {
            _folder.Write($"configs/project_datasets/{name}.yaml", "path: again\ndocuments: lines\nshard_size: 2000\ndedup: exact\n");
            await Dtt.OutputAsync("download", "-d", name);
        }

        var calm = await Dtt.RunAsync("tokenize", "-d", "calm", "-v", "400");
        Assert.Contains($"dedup: calm, {100 * (Files - 1):N0} documents that come a second time are left out", calm.Error);
        foreach (var point in new[] { "silo.piece:4", "silo.duplicates:1", "silo.piece:15" })
        {
            await Dtt.OutputAsync("silo", "stop", "--force");
            var crashed = await Dtt.RunAsync(["tokenize", "-d", "struck", "-v", "400"], ("DTT_CRASH_AT", point));
            if (crashed.ExitCode != 0) await Wait.ForAsync("the crash", () => Dtt.Silo is null);
        }

        var last = await Dtt.RunAsync("tokenize", "-d", "struck", "-v", "400");
        Assert.True(last.ExitCode == 0, last.Error);
        foreach (var file in Directory.EnumerateFiles(_folder["data/calm/tokens/calm_400"], "*.bin"))
            AssertSameBytes(file, Path.Combine(_folder["data/struck/tokens/struck_400"], Path.GetFileName(file)));
        Assert.Equal(["struck_400"], Directory.GetDirectories(_folder["data/struck/tokens"]).Select(Path.GetFileName));
        var report = await Dtt.JsonAsync("report", "-d", "struck", "-v", "400");
        Assert.Equal((300 + 200 * (Files - 1), 100 * (Files - 1), 0), (report.GetProperty("documents").GetInt32(),
            report.GetProperty("dropped_duplicates").GetInt32(), report.GetProperty("duplicate_documents").GetInt32()));
    }

    private static void AssertSameBytes(string expected, string actual) => Assert.Equal(File.ReadAllBytes(expected), File.ReadAllBytes(actual));
}
