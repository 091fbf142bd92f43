using System.IO.Compression;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>Texts as they come: cut, changed, in many files. Nothing is used by half with exit code 0.</summary>
public sealed class DatasetInputTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();

    private DttProgram Dtt => new(_folder.Path);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await Dtt.EndSiloAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task CompressedTextThatWasCut_IsRefused()
    {
        using (var packed = new GZipStream(File.Create(_folder["cut.jsonl.gz"]), CompressionLevel.Optimal))
        {
            foreach (var line in Lines(400)) packed.Write(System.Text.Encoding.UTF8.GetBytes($"{{\"text\": \"{line}\"}}\n"));
        }

        var half = File.ReadAllBytes(_folder["cut.jsonl.gz"])[..2000];
        File.WriteAllBytes(_folder["cut.jsonl.gz"], half);
        var error = await TokenizeAsync("cut.jsonl.gz", 3);
        Assert.Contains("cut.jsonl.gz: its compressed data is damaged near byte 2,000 of 2,000: the file ends inside a member", error);
        Assert.False(Directory.Exists(_folder["data/cut/tokens"]));
    }

    [Fact]
    public async Task ManySmallFiles_AreWindowedAsOneText_AndBadOnesAreSkippedAndListed()
    {
        foreach (var (i, line) in Lines(300).Index()) _folder.Write($"many/{i:000}.txt", line + "\n");
        _folder.Write("one.txt", string.Join("\n", Lines(300)));
        _folder.Write("many/empty.txt", "");
        _folder.Write("many/bad.jsonl", "{\"text\": null}\n");
        _folder.Write("many/.hidden.txt", "hidden\n");
        _folder.Write("configs/project_datasets/many.yaml", $"path: {_folder["many"]}\ndocuments: lines\non_bad_document: skip\n");
        var (many, one) = (await TokenizeAsync("many", 0), await TokenizeAsync("one.txt", 0));
        Assert.Equal(Windows(one), Windows(many));
        Assert.Matches(@"windows: [\d,]+ of n_ctx 32; tokens in no window: \d+ of [\d,]+ \([\d.]+ %\), at the ends of shards", one);
        Assert.Contains("left out as empty: " + _folder["many/empty.txt"], many);
        Assert.Contains("left out as hidden: .hidden.txt", many);
        Assert.Contains("documents skipped: 1, listed in skipped.txt there", many);
        Assert.Contains("bad.jsonl: line 1 has a 'text' that is not a string", File.ReadAllText(_folder["data/many/tokens/many_300/skipped.txt"]));
        var dry = await Dtt.OutputAsync("train", "-d", "many", "-v", "300", "-ctx", "32", "--dry-run");
        Assert.Matches(@"tokens in no window +\d+ of [\d,]+ ", dry);
        Assert.Matches(@"validation windows +\d+; tokens in no window: \d+ of [\d,]+ ", dry);

        static string Windows(string error) => error.Split('\n').Single(l => l.StartsWith("windows: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task TextThatChanged_OrIsAnother_IsNoticed()
    {
        _folder.Write("a/wiki.txt", string.Join("\n", Lines(200)));
        _folder.Write("b/wiki.txt", string.Join("\n", Lines(250)));
        await TokenizeAsync("a/wiki.txt", 0);
        foreach (var command in new[] { "tokenize", "train" })
        {
            var result = await Dtt.RunAsync(command, "-d", "b/wiki.txt", "-v", "300", "--set", "n_ctx=32");
            Assert.Equal(3, result.ExitCode);
            Assert.Contains($"'path:{_folder["a/wiki.txt"]}'", result.Error);
        }

        var text = File.ReadAllText(_folder["a/wiki.txt"]);
        File.WriteAllText(_folder["a/wiki.txt"], text.Replace("wind 7", "WIND 7"));
        Assert.Contains("wiki: since `dtt download`: changed: ", (await Dtt.RunAsync("tokenize", "-d", "a/wiki.txt", "-v", "300")).Error);
        var error = await TokenizeAsync("a/wiki.txt", 3);
        Assert.Contains("download: wiki, since the last download: changed: ", error);
        Assert.Contains("holds tokens of another source (raw text ", error);
    }

    private async Task<string> TokenizeAsync(string dataset, int code)
    {
        var download = await Dtt.RunAsync("download", "-d", dataset);
        Assert.True(download.ExitCode == 0, download.Error);
        var tokenize = await Dtt.RunAsync("tokenize", "-d", dataset, "-v", "300", "--set", "n_ctx=32");
        Assert.True(tokenize.ExitCode == code, tokenize.Error);
        return download.Error + tokenize.Error;
    }

    private static IEnumerable<string> Lines(int count) =>
        Enumerable.Range(0, count).Select(i => $"the {i % 17} foxes met {i * 31 % 101} hens in wind {i % 13} and sang of rain {i * 7919L % 1009}");
}
