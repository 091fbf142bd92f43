using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary><c>dtt download hf:…</c> and a dataset of the Hub from then on, as a user meets them; the Hub is a stand-in on loopback.</summary>
public sealed class HubTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly HubServer _hub = new();
    private readonly DttProgram _dtt;

    public HubTests() => _dtt = new DttProgram(_folder.Path);

    public ValueTask InitializeAsync()
    {
        _hub.Commit("owner/texts", "main",
            ("README.md", "---\nconfigs:\n- config_name: small\n  data_files: data/*.jsonl\n- config_name: other\n  data_files: x/*\n---\n"),
            ("data/0.jsonl", Lines(0)), ("data/1.jsonl", Lines(1)), ("data/2.jsonl", Lines(2)), ("x/0.jsonl", Lines(9)));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _dtt.EndSiloAsync();
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Dataset_IsDownloadedThroughAKill_AndTokenizedAsTheSameTextHere()
    {
        (_hub.Token, var token) = ("hf_secret", ("HF_TOKEN", "hf_secret"));
        string[] download = ["download", "hf:owner/texts", "--name", "small"];
        var killed = await _dtt.RunAsync(download, ("DTT_CRASH_AT", "silo.piece:2"), token, Endpoint);
        Assert.Equal(75, killed.ExitCode);
        var done = await _dtt.RunAsync(["download", "-d", "texts"], token, Endpoint);
        Assert.True(done.ExitCode == 0, done.Error);
        Assert.Contains("download: texts, 3 files, ", done.Error);
        Assert.Empty(_hub.Leaks);
        Assert.Empty(Directory.GetFiles(Path.Combine(_dtt.Home, "hub")));
        foreach (var file in Directory.EnumerateFiles(_dtt.Home, "*.log", SearchOption.AllDirectories)) Assert.DoesNotContain("hf_secret", ReadShared(file));

        var asked = _hub.Requests.Count;
        Assert.Contains("already here", (await _dtt.RunAsync(["download", "-d", "texts"], token, Endpoint)).Error);
        Assert.Equal(asked, _hub.Requests.Count);
        for (var n = 0; n < 3; n++) _folder.Write($"here/{n}.jsonl", Lines(n));
        _folder.Write("configs/project_datasets/here.yaml", "path: here\n");
        await _dtt.OutputAsync("download", "-d", "here");
        var hashes = new List<string>();
        foreach (var dataset in new[] { "texts", "here" })
        {
            await _dtt.OutputAsync("tokenize", "-d", dataset, "-v", "300");
            hashes.Add(string.Join(' ', Directory.EnumerateFiles(_folder[$"data/{dataset}/tokens"], "*.bin", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal).Select(f => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))))));
        }

        Assert.Equal(hashes[0], hashes[1]);

        // The silo that the download started has the token; a rank that it starts has not.
        string[] endless = ["--set", "n_blocks=1", "--set", "n_heads=1", "--set", "d_model=16", "-ctx", "16", "--set", "max_steps=1000000", "-e", "100000"];
        await _dtt.OutputAsync(["train", "-d", "texts", "-v", "300", "-n", "r", .. endless, "--detach"]);
        await Wait.ForAsync("a step", () => File.Exists(_folder["runs/r/logs/a01.log"]) && ReadShared(_folder["runs/r/logs/a01.log"]).Contains("\nstep "));
        Assert.Contains("HF_TOKEN=hf_secret", File.ReadAllText($"/proc/{_dtt.Silo}/environ"));
        Assert.DoesNotContain("hf_secret", File.ReadAllText($"/proc/{Assert.Single(Processes.ChildrenOf(_dtt.Silo!.Value))}/environ"));
    }

    [Fact]
    public async Task Command_ThatWasWrong_IsCorrectedByTheNext_AndTheTokenIsNotKept()
    {
        var file = _folder["configs/project_datasets/texts.yaml"];
        Assert.Equal("hf_path: owner/texts\n", (await _dtt.RunAsync(["download", "hf:owner/texts", "--dry-run"], Endpoint)).Output);
        Assert.False(File.Exists(file));
        Assert.Equal(3, (await _dtt.RunAsync(["download", "hf:owner/texts"], Endpoint, ("HF_TOKEN", "hf_secret"))).ExitCode);
        Assert.False(File.Exists(file));
        Assert.Empty(Directory.GetFiles(Path.Combine(_dtt.Home, "hub")));
        Assert.Equal(0, (await _dtt.RunAsync(["download", "hf:owner/texts", "--name", "small"], Endpoint)).ExitCode);
        Assert.Contains("is there already with other settings", (await _dtt.RunAsync(["download", "hf:owner/texts", "--name", "other"], Endpoint)).Error);
        Assert.Contains("name: \"small\"", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(2, "is no name of a dataset on the Hub", "hf:a/b/c")]
    [InlineData(2, "takes hf:OWNER/NAME", "texts.txt")]
    [InlineData(2, "--split: goes with hf:OWNER/NAME", "-d", "texts", "--split", "train")]
    [InlineData(2, "--max-bytes 0", "hf:owner/texts", "--max-bytes", "0")]
    [InlineData(3, "there is no dataset owner/nothing", "hf:owner/nothing")]
    [InlineData(3, "several of which one must be named with 'name': small, other", "hf:owner/texts")]
    public async Task WhatCannotBe_IsSaid(int code, string message, params string[] arguments)
    {
        var result = await _dtt.RunAsync(["download", .. arguments], Endpoint);
        Assert.Contains(message, result.Error);
        Assert.Equal(code, result.ExitCode);
    }

    private (string, string) Endpoint => ("HF_ENDPOINT", _hub.Endpoint);

    private static string ReadShared(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string Lines(int file) => string.Concat(Enumerable.Range(0, 300)
        .Select(n => $"{{\"text\": \"story {file} of number {n}: once upon a time there lived a miller with {n % 7} sons\"}}\n"));
}
