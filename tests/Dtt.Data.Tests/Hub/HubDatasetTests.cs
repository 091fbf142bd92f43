using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Hub;
using Dtt.Tests;

namespace Dtt.Data.Tests.Hub;

public sealed class HubDatasetTests : IDisposable
{
    private const string Repository = "owner/texts";
    private static readonly HubRetry _quick = new(4, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(20));
    private readonly TempFolder _folder = new();
    private readonly HubServer _hub = new();
    private readonly List<string> _said = [];
    private string? _cache;
    private string? _token;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Files_OfAConfigurationAndSplit_AreDownloadedPinnedAndListedInAManifest()
    {
        var commit = _hub.Commit(Repository, "main",
            ("README.md", """
                ---
                configs:
                - config_name: small
                  data_files:
                  - split: train
                    path: sample/*.jsonl
                  - split: test
                    path: test/*
                ---
                # Texts
                """),
            ("sample/0.jsonl", Lines("a", 50)), ("sample/1.jsonl", Lines("b", 50)), ("test/0.jsonl", Lines("t", 5)), ("other/x.jsonl", Lines("x", 5)));
        var plan = await DownloadAsync(Config(name: "small"));
        Assert.Equal(commit, plan.Commit);
        Assert.Equal(["sample/0.jsonl", "sample/1.jsonl"], plan.Files.Select(f => f.Path));
        var (manifest, wasThere, _) = RawDataset.Prepare(Config(name: "small"), Raw);
        Assert.False(wasThere);
        Assert.Equal([Path.Combine(Raw, "sample/0.jsonl"), Path.Combine(Raw, "sample/1.jsonl")], manifest.Files.Select(f => f.Path));
        Assert.Equal(RawFile.Of(manifest.Files[0].Path, null), manifest.Files[0]);
        Assert.Equal(Lines("b", 50), File.ReadAllText(manifest.Files[1].Path));
        Assert.True(RawDataset.Prepare(Config(name: "small"), Raw).WasThere);
        Assert.Empty(Directory.GetFiles(Raw, "*.part", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Branch_ThatMovesMeanwhile_ChangesNothing()
    {
        _hub.Commit(Repository, "main", ("train.jsonl", Lines("old", 20)));
        using var dataset = Open(Config());
        var plan = await dataset.PlanAsync(Cancellation);
        _hub.Commit(Repository, "main", ("train.jsonl", Lines("new", 30)));
        await dataset.BringAsync(plan, 0, _ => { }, Cancellation);
        Assert.Equal(Lines("old", 20), File.ReadAllText(Path.Combine(Raw, "train.jsonl")));
        Assert.Equal(plan.Commit, (await dataset.PlanAsync(Cancellation)).Commit);
    }

    [Theory]
    [InlineData(429, "Retry-After", "0")]
    [InlineData(429, "RateLimit", "\"api\";r=0;t=0")]
    [InlineData(503, "Server", "tired")]
    [InlineData(408, "Server", "slow")]
    public async Task Answer_ThatMayBeAnotherTheNextTime_IsAskedForAgain(int status, string header, string value)
    {
        _hub.Commit(Repository, "main", ("train.jsonl", Lines("a", 20)));
        foreach (var path in new[] { "/revision/", "/tree/", "/resolve/", "signature=" }) _hub.Next(path, 1, HubServer.Status(status, (header, value)));
        await DownloadAsync(Config());
        Assert.Equal(Lines("a", 20), File.ReadAllText(Path.Combine(Raw, "train.jsonl")));
        Assert.Equal(4, _said.Count(s => s.Contains($"answered {status}; trying again in", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Hub_ThatStaysBusy_IsGivenUpWithWhatItSaid()
    {
        _hub.Commit(Repository, "main", ("train.jsonl", Lines("a", 20)));
        _hub.Next("/revision/", 4, HubServer.Status(503));
        var error = await Assert.ThrowsAsync<IOException>(() => DownloadAsync(Config()));
        Assert.Contains("answered 503, 4 times; what was downloaded is kept", error.Message);
    }

    [Fact]
    public async Task Answer_ThatIsCut_IsGoneOnWithWhereItStopped()
    {
        var text = Encoding.UTF8.GetBytes(Lines("a", 2000));
        _hub.Commit(Repository, "main", ("train.jsonl", Encoding.UTF8.GetString(text)));
        _hub.Next("signature=", 2, HubServer.Cut(text, 10_000));
        await DownloadAsync(Config());
        Assert.Equal(text, File.ReadAllBytes(Path.Combine(Raw, "train.jsonl")));
        var ranges = _hub.Requests.Where(r => r.Path.Contains("signature=", StringComparison.Ordinal)).Select(r => r.Range).ToList();
        Assert.Equal([null, "bytes=10000-", "bytes=20000-"], ranges);
    }

    [Fact]
    public async Task Download_AfterAKill_GoesOnWithThePart()
    {
        var text = Encoding.UTF8.GetBytes(Lines("a", 2000));
        _hub.Commit(Repository, "main", ("train.jsonl", Encoding.UTF8.GetString(text)));
        Directory.CreateDirectory(Raw);
        File.WriteAllBytes(Path.Combine(Raw, "train.jsonl.part"), text[..30_000]);
        await DownloadAsync(Config());
        Assert.Equal(text, File.ReadAllBytes(Path.Combine(Raw, "train.jsonl")));
        Assert.Contains(_hub.Requests, r => r.Range == "bytes=30000-");
    }

    [Fact]
    public async Task Server_ThatIgnoresRange_IsReadFromTheStart()
    {
        var text = Encoding.UTF8.GetBytes(Lines("a", 2000));
        _hub.Commit(Repository, "main", ("train.jsonl", Encoding.UTF8.GetString(text)));
        Directory.CreateDirectory(Raw);
        File.WriteAllBytes(Path.Combine(Raw, "train.jsonl.part"), text[..30_000]);
        _hub.Next("signature=", 1, context =>
        {
            HubServer.Send(context, 200, text);
            return true;
        });
        await DownloadAsync(Config());
        Assert.Equal(text, File.ReadAllBytes(Path.Combine(Raw, "train.jsonl")));
    }

    [Fact]
    public async Task Bytes_ThatAreDamaged_AreFetchedAgain_AndRefusedTheSecondTime()
    {
        var text = Encoding.UTF8.GetBytes(Lines("a", 200));
        _hub.Commit(Repository, "main", ("train.jsonl", Encoding.UTF8.GetString(text)));
        bool Damaged(System.Net.HttpListenerContext context)
        {
            var bytes = (byte[])text.Clone();
            bytes[77] ^= 1;
            HubServer.SendBytes(context, bytes);
            return true;
        }

        _hub.Next("signature=", 1, Damaged);
        await DownloadAsync(Config());
        Assert.Equal(text, File.ReadAllBytes(Path.Combine(Raw, "train.jsonl")));
        File.Delete(Path.Combine(Raw, "train.jsonl"));
        _hub.Next("signature=", 2, Damaged);
        var error = await Assert.ThrowsAsync<BadDataException>(() => DownloadAsync(Config()));
        Assert.Contains("/resolve/", error.Message);
        Assert.Contains("twice not the listed hash", error.Message);
        Assert.Equal(["hub.json"], Directory.GetFiles(Raw).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Body_ThatGoesOnBehindTheListedSize_IsRefused()
    {
        var text = Encoding.UTF8.GetBytes(Lines("a", 200));
        _hub.Commit(Repository, "main", ("train.jsonl", Encoding.UTF8.GetString(text)));
        _hub.Next("signature=", 1, context =>
        {
            HubServer.Send(context, 200, [.. text, .. text]);
            return true;
        });
        var error = await Assert.ThrowsAsync<BadDataException>(() => DownloadAsync(Config()));
        Assert.Contains($"goes on behind byte {text.Length:N0}", error.Message);
        Assert.False(File.Exists(Path.Combine(Raw, "train.jsonl")));
    }

    [Fact]
    public async Task Address_ThatExpired_IsAskedForAgain()
    {
        _hub.Commit(Repository, "main", ("train.jsonl", Lines("a", 20)));
        _hub.Next("signature=1", 1, HubServer.Status(403));
        await DownloadAsync(Config());
        var asked = _hub.Requests.Where(r => r.Path.Contains("signature=", StringComparison.Ordinal)).Select(r => r.Path.Split('?')[1]);
        Assert.Equal(["signature=1", "signature=2"], asked);
    }

    [Fact]
    public async Task Token_GoesToTheHubAlone()
    {
        (_hub.Token, _token) = ("secret", "secret");
        _hub.Commit(Repository, "main", ("train.jsonl", Lines("a", 20)));
        await DownloadAsync(Config());
        Assert.Empty(_hub.Leaks);
        _token = null;
        Directory.Delete(Raw, recursive: true);
        var error = await Assert.ThrowsAsync<BadDataException>(() => DownloadAsync(Config()));
        Assert.Contains("wants its terms to be accepted", error.Message);
        Assert.Contains("HF_TOKEN", error.Message);
    }

    [Theory]
    [InlineData("../evil.jsonl")]
    [InlineData("/etc/evil.jsonl")]
    [InlineData("a/../../evil.jsonl")]
    [InlineData("a\\..\\evil.jsonl")]
    [InlineData("a//train.jsonl")]
    [InlineData("manifest.json/../train.jsonl")]
    public async Task Path_ThatLeadsOut_IsRefusedBeforeAnythingIsFetched(string path)
    {
        _hub.Commit(Repository, "main", ("good.jsonl", Lines("a", 20)), (path, Lines("b", 20)));
        var error = await Assert.ThrowsAsync<BadDataException>(() => DownloadAsync(Config()));
        Assert.Contains("no path of a data file", error.Message);
        Assert.DoesNotContain(_hub.Requests, r => r.Path.Contains("signature=", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Repository_WithoutReadableFiles_IsTakenFromTheConversionBranch()
    {
        _hub.Commit(Repository, "main", ("data.xyz", "?"), ("README.md", "# Texts"));
        _hub.Commit(Repository, "refs/convert/parquet", ("default/train/0000.jsonl", Lines("a", 20)), ("default/test/0000.jsonl", Lines("b", 20)));
        var plan = await DownloadAsync(Config());
        Assert.Equal(["default/train/0000.jsonl"], plan.Files.Select(f => f.Path));
    }

    [Fact]
    public async Task Names_DivideFilesWhereNoCardDoes_AndWhatNamesNoSplitDescribesThem()
    {
        _hub.Commit(Repository, "main", ("README.md", "---\nconfigs:\n- config_name: small\n  data_dir: s\n---\n"), ("s/train-0.jsonl", Lines("a", 2)),
            ("s/test-0.jsonl", Lines("b", 2)), ("s/dataset_infos.json", "{}"), ("other/train-0.jsonl", Lines("c", 2)));
        Assert.Equal(["s/train-0.jsonl"], (await DownloadAsync(Config())).Files.Select(f => f.Path));
        Assert.Equal(["s/test-0.jsonl"], (await DownloadAsync(Config(split: "test"))).Files.Select(f => f.Path));
    }

    [Fact]
    public async Task Split_OfSeveralForms_IsReadInItsLargest_AndTheOthersAreNamed()
    {
        _hub.Commit(Repository, "main", ("train-0.jsonl", Lines("a", 20)), ("train-1.jsonl", Lines("b", 20)),
            ("train.csv", "text\na\n"), ("test.csv", "text\nb\n"));
        Assert.Equal(["train-0.jsonl", "train-1.jsonl"], (await DownloadAsync(Config())).Files.Select(f => f.Path));
        var bytes = Lines("a", 20).Length + Lines("b", 20).Length;
        Assert.Equal($"owner/texts: 'train' is there in several forms; .jsonl (2 files, {bytes:N0} bytes) is read, as the largest, and not "
            + ".csv (1 file, 7 bytes).", Assert.Single(_said));
    }

    [Theory]
    [InlineData("nobody/nothing", null, null, null, "there is no dataset nobody/nothing on 127.0.0.1")]
    [InlineData(Repository, null, null, "dev", "has no revision 'dev'")]
    [InlineData(Repository, "smal", null, null, "has no configuration 'smal'")]
    [InlineData(Repository, "small", "tran", null, "has no split 'tran'")]
    [InlineData(Repository, null, null, null, "has several of which one must be named with 'name': small, large")]
    public async Task WhatIsNotThere_IsNamedWithWhatIs(string repository, string? name, string? split, string? revision, string message)
    {
        _hub.Commit(Repository, "main", ("README.md", "---\nconfigs:\n- config_name: small\n  data_files: s/*\n- config_name: large\n  data_files: l/*\n---\n"),
            ("s/0.jsonl", Lines("a", 2)), ("l/0.jsonl", Lines("b", 2)));
        var error = await Assert.ThrowsAsync<BadDataException>(() => DownloadAsync(Config(name, split) with { HubPath = repository, HubRevision = revision }));
        Assert.Contains(message, error.Message);
    }

    [Fact]
    public async Task Cache_OfHuggingFacesPrograms_IsUsed_AlsoOffline()
    {
        var text = Lines("a", 20);
        var commit = _hub.Commit(Repository, "main", ("train.jsonl", text), ("README.md", "# Texts"));
        var sha256 = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        _folder.Write($"cache/datasets--owner--texts/blobs/{sha256}", text);
        _folder.Write("cache/datasets--owner--texts/refs/main", commit);
        Directory.CreateDirectory(_folder[$"cache/datasets--owner--texts/snapshots/{commit}"]);
        var readme = Convert.ToHexStringLower(System.Security.Cryptography.SHA1.HashData(Encoding.UTF8.GetBytes("blob 7\0# Texts")));
        _folder.Write($"cache/datasets--owner--texts/blobs/{readme}", "# Texts");
        File.CreateSymbolicLink(_folder[$"cache/datasets--owner--texts/snapshots/{commit}/README.md"], $"../../blobs/{readme}");
        File.CreateSymbolicLink(_folder[$"cache/datasets--owner--texts/snapshots/{commit}/train.jsonl"], $"../../blobs/{sha256}");
        _cache = _folder["cache"];
        await DownloadAsync(Config());
        Assert.DoesNotContain(_hub.Requests, r => r.Path.Contains("/train.jsonl", StringComparison.Ordinal));

        Directory.Delete(Raw, recursive: true);
        var asked = _hub.Requests.Count;
        using var offline = new HubDataset(Config(), Raw, new HubAccess { Endpoint = _hub.Endpoint, Cache = _cache, IsOffline = true }, _said.Add, _quick);
        var plan = await offline.PlanAsync(Cancellation);
        await offline.BringAsync(plan, 0, _ => { }, Cancellation);
        Assert.Equal((commit, text, asked), (plan.Commit, File.ReadAllText(Path.Combine(Raw, "train.jsonl")), _hub.Requests.Count));
    }

    [Fact]
    public async Task FirstBytesAndFirstDocuments_TakeTheFirstFiles()
    {
        _hub.Commit(Repository, "main", ("train/0.jsonl", Lines("a", 10)), ("train/1.jsonl", Lines("b", 10)), ("train/2.jsonl", Lines("c", 10)));
        Assert.Equal(2, (await DownloadAsync(Config() with { MaxBytes = 2L * Lines("a", 10).Length })).Files.Count);
        Assert.Equal("train/0.jsonl", (await DownloadAsync(Config() with { MaxBytes = 1 })).Files.Single().Path);
        var fifteen = Config() with { MaxDocuments = 15 };
        Assert.Equal(2, (await DownloadAsync(fifteen)).Files.Count);
        Assert.NotNull(RawDataset.Prepare(fifteen, Raw).Manifest.Files[^1].TextBytes);
    }

    [Fact]
    public async Task TwoAtOnce_BringAFileOnce()
    {
        _hub.Commit(Repository, "main", ("train.jsonl", Lines("a", 2000)));
        using var one = Open(Config());
        using var other = Open(Config());
        var plan = await one.PlanAsync(Cancellation);
        await Task.WhenAll(one.BringAsync(plan, 0, _ => { }, Cancellation), other.BringAsync(plan, 0, _ => { }, Cancellation));
        Assert.Single(_hub.Requests, r => r.Path.Contains("signature=", StringComparison.Ordinal));
        Assert.Equal(["hub.json", "train.jsonl"], Directory.GetFiles(Raw).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    private string Raw => _folder["raw"];

    private static string Lines(string word, int count) =>
        string.Concat(Enumerable.Range(0, count).Select(n => $"{{\"text\": \"{word} number {n} of many documents\"}}\n"));

    private static DatasetConfig Config(string? name = null, string? split = null) => new()
    {
        Source = "texts.yaml",
        Path = null,
        Builtin = null,
        GeneratedBytes = 0,
        Seed = 0,
        Documents = "blank_lines",
        TextField = "text",
        ShardTokens = 1_000_000,
        HubPath = Repository,
        HubName = name,
        HubSplit = split,
    };

    private HubDataset Open(DatasetConfig config) =>
        new(config, Raw, new HubAccess { Endpoint = _hub.Endpoint, Cache = _cache, Token = _token }, s =>
        {
            lock (_said) _said.Add(s);
        }, _quick);

    private async Task<HubPlan> DownloadAsync(DatasetConfig config)
    {
        using var dataset = Open(config);
        var plan = await dataset.PlanAsync(Cancellation);
        for (var n = 0; n < plan.Files.Count; n++) await dataset.BringAsync(plan, n, _ => { }, Cancellation);
        return plan;
    }
}
