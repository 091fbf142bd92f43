using System.IO.Compression;
using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Datasets;
using Dtt.Data.Text;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Data.Tests.Datasets;

public sealed class RawDatasetTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Prepare_Tales_GivesTheSameBytesForTheSameSeed()
    {
        var first = RawDataset.Prepare(Config("builtin: tales\nbytes: 50000\nseed: 3"), _folder["a"]).Manifest;
        var second = RawDataset.Prepare(Config("builtin: tales\nbytes: 50000\nseed: 3"), _folder["b"]).Manifest;
        var other = RawDataset.Prepare(Config("builtin: tales\nbytes: 50000\nseed: 4"), _folder["c"]).Manifest;
        Assert.Equal(first.Files[0].Sha256, second.Files[0].Sha256);
        Assert.NotEqual(first.Files[0].Sha256, other.Files[0].Sha256);
        Assert.InRange(first.Bytes, 50_000, 55_000);
    }

    [Fact]
    public void Prepare_Twice_FindsItDone_UntilTheSettingsChange()
    {
        Assert.False(RawDataset.Prepare(Config("builtin: tales\nbytes: 5000"), _folder["a"]).WasThere);
        Assert.True(RawDataset.Prepare(Config("builtin: tales\nbytes: 5000"), _folder["a"]).WasThere);
        Assert.False(RawDataset.Prepare(Config("builtin: tales\nbytes: 6000"), _folder["a"]).WasThere);
    }

    [Fact]
    public void Prepare_LeavesTheDraftOfAnother_UntilItIsADayOld()
    {
        Directory.CreateDirectory(_folder["a"]);
        var (young, old) = (DurableFile.DraftOf(_folder["a/tales.txt"]), DurableFile.DraftOf(_folder["a/tales.txt"]));
        foreach (var draft in new[] { young, old }) File.WriteAllText(draft, "");
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddDays(-2));
        RawDataset.Prepare(Config("builtin: tales\nbytes: 5000"), _folder["a"]);
        Assert.Equal((true, false), (File.Exists(young), File.Exists(old)));
    }

    [Fact]
    public void Prepare_FilesPutIntoTheRawFolder_AreFound()
    {
        _folder.Write("raw/one.txt", "one\n");
        Assert.Single(RawDataset.Prepare(Config(""), _folder["raw"]).Manifest.Files);
        _folder.Write("raw/two.txt", "two\n");
        Assert.Equal(2, RawDataset.Prepare(Config(""), _folder["raw"]).Manifest.Files.Count);
    }

    [Theory]
    [InlineData("added", "added: ")]
    [InlineData("edited", "changed: ")]
    [InlineData("removed", "gone: ")]
    [InlineData("renamed", "added: ")]
    public void Prepare_AfterAChange_SaysItAndDoesItAgain(string change, string said)
    {
        var config = Config($"path: {_folder["text"]}");
        _folder.Write("text/a.txt", "one\n");
        _folder.Write("text/b.txt", "two\n");
        var first = RawDataset.Prepare(config, _folder["raw"]).Manifest;
        Assert.Empty(RawDataset.Changes(first, config, _folder["raw"]));
        if (change == "added") _folder.Write("text/c.txt", "six\n");
        if (change == "edited") _folder.Write("text/b.txt", "ten\n");
        if (change == "removed") File.Delete(_folder["text/b.txt"]);
        if (change == "renamed") File.Move(_folder["text/b.txt"], _folder["text/0.txt"]);
        if (change == "edited") File.SetLastWriteTimeUtc(_folder["text/b.txt"], DateTime.UtcNow.AddSeconds(5));
        Assert.Contains(said, string.Join("; ", RawDataset.Changes(first, config, _folder["raw"])));
        var second = RawDataset.Prepare(config, _folder["raw"]);
        Assert.False(second.WasThere);
        Assert.Contains($"since the last download: {said}", Assert.Single(second.Notes));
        Assert.NotEqual(first.Sha256, second.Manifest.Sha256);
    }

    [Fact]
    public void Prepare_AfterATouch_FindsItDone_AndLearnsTheTime()
    {
        var config = Config($"path: {_folder.Write("a.txt", "one\n")}");
        _ = RawDataset.Prepare(config, _folder["raw"]);
        File.SetLastWriteTimeUtc(_folder["a.txt"], new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        var touched = RawDataset.Prepare(config, _folder["raw"]);
        Assert.True(touched.WasThere);
        Assert.Equal(2001, RawManifest.Find(_folder["raw"])!.Files[0].Modified!.Value.Year);
    }

    [Fact]
    public void Changes_OfAManifestWithoutTimes_LearnsThem_WhereItCanBeWritten()
    {
        var config = Config($"path: {_folder.Write("a.txt", "one\n")}");
        var manifest = RawDataset.Prepare(config, _folder["raw"]).Manifest;
        var timeless = manifest with { Files = [manifest.Files[0] with { Modified = null }] };
        Directory.Delete(_folder["raw"], recursive: true);
        Assert.Empty(RawDataset.Changes(timeless, config, _folder["raw"]));
        Directory.CreateDirectory(_folder["raw"]);
        Assert.Empty(RawDataset.Changes(timeless, config, _folder["raw"]));
        Assert.Equal(manifest.Files[0].Modified, RawManifest.Find(_folder["raw"])!.Files[0].Modified);
    }

    [Fact]
    public void Prepare_AManifestWithoutTimes_IsRead()
    {
        var config = Config($"path: {_folder.Write("a.txt", "one\n")}");
        var manifest = RawDataset.Prepare(config, _folder["raw"]).Manifest;
        (manifest with { Files = [manifest.Files[0] with { Modified = null }] }).Save(_folder["raw"]);
        Assert.DoesNotContain("modified", File.ReadAllText(_folder["raw/manifest.json"]));
        Assert.True(RawDataset.Prepare(config, _folder["raw"]).WasThere);
        Assert.Contains("modified", File.ReadAllText(_folder["raw/manifest.json"]));
    }

    [Fact]
    public void RequireTokensOf_AnotherPathOrText_IsRefused()
    {
        var (mine, other) = (Config($"path: {_folder.Write("a/wiki.txt", "one\n")}"), Config($"path: {_folder.Write("b/wiki.txt", "two\n")}"));
        var manifest = RawDataset.Prepare(mine, _folder["raw"]).Manifest;
        var tokens = new TokenSource
        {
            RawSha256 = manifest.Sha256,
            Documents = "lines",
            TextField = "text",
            Tokenizer = "t",
            TokenizerSha256 = "",
            VocabSize = 300,
            ValFraction = 0,
            SplitSeed = 0,
            ShardTokens = 1000,
        };
        RawDataset.RequireTokensOf(mine, _folder["raw"], tokens);
        var error = Assert.Throws<BadDataException>(() => RawDataset.RequireTokensOf(other, _folder["raw"], tokens));
        Assert.Contains($"made from 'path:{_folder["a/wiki.txt"]}', but the dataset now names 'path:{_folder["b/wiki.txt"]}'", error.Message);
        var moved = Config($"path: {_folder.Write("moved/wiki.txt", "one\n")}");
        RawDataset.RequireTokensOf(moved, _folder["raw"], tokens);
        Assert.Equal(_folder["moved/wiki.txt"], RawManifest.Find(_folder["raw"])!.Files[0].Path); // it is not hashed again
        Assert.Empty(RawDataset.Changes(RawManifest.Find(_folder["raw"])!, moved, _folder["raw"]));
        RawDataset.RequireTokensOf(Config($"path: {_folder["not/copied.txt"]}"), _folder["raw"], tokens);
        _ = RawDataset.Prepare(other, _folder["raw"]);
        error = Assert.Throws<BadDataException>(() => RawDataset.RequireTokensOf(other, _folder["raw"], tokens));
        Assert.Contains("made from other text", error.Message);
        RawDataset.RequireTokensOf(other, _folder["elsewhere"], tokens);
    }

    [Fact]
    public void Prepare_NothingThere_SaysWhereToPutText() =>
        Assert.Contains("there is no text in", Assert.Throws<BadDataException>(() => RawDataset.Prepare(Config(""), _folder["raw"])).Message);

    [Fact]
    public void Prepare_MissingPath_SaysSo()
    {
        var error = Assert.Throws<BadDataException>(() => RawDataset.Prepare(Config($"path: {_folder["none.txt"]}"), _folder["raw"]));
        Assert.Contains("there is no file or folder", error.Message);
    }

    [Fact]
    public void Prepare_EmptyFile_SaysWhich()
    {
        _folder.Write("empty.txt", "");
        var error = Assert.Throws<BadDataException>(() => RawDataset.Prepare(Config($"path: {_folder["empty.txt"]}"), _folder["raw"]));
        Assert.Contains("empty.txt is empty", error.Message);
    }

    [Theory]
    [InlineData("documents: lines", "a.txt")]
    [InlineData("documents: blank_lines", "a.txt")]
    [InlineData("documents: files", "a.txt")]
    [InlineData("", "a.jsonl")]
    [InlineData("", "a.jsonl.gz")]
    public void Prepare_Ndocs_TakesTheFirstDocumentsOverAllFiles(string documents, string name)
    {
        var perFile = documents == "documents: files" ? 1 : 4;
        for (var file = 0; file < 3; file++) WriteDocuments(_folder[$"raw/{file}{name}"], documents, Enumerable.Range(file * perFile, perFile));
        for (var most = 1; most <= 3 * perFile + 1; most++)
        {
            var config = Config($"path: {_folder["raw"]}\nndocs: {most}\n{documents}");
            var manifest = RawDataset.Prepare(config, _folder["out"]).Manifest;
            var read = PiecePlan.Of(manifest, config).SelectMany(Read).ToList();
            Assert.Equal(Enumerable.Range(0, Math.Min(most, 3 * perFile)).Select(d => $"document {d} ä"), read);
        }
    }

    [Fact]
    public void Prepare_Ndocs_InASlicedFile_TakesNoMore()
    {
        const int most = 30_000;
        WriteDocuments(_folder["large.txt"], "documents: lines", Enumerable.Range(0, 400_000).Select(d => d + 1_000_000_000));
        var config = Config($"path: {_folder["large.txt"]}\ndocuments: lines\nndocs: {most * 10}");
        var manifest = RawDataset.Prepare(config, _folder["out"]).Manifest;
        var pieces = PiecePlan.Of(manifest, config);
        Assert.True(pieces.Count > 1);
        Assert.Equal(most * 10, pieces.Sum(p => Read(p).Count()));
    }

    [Fact]
    public void Plan_OfSmallAndSlicedFiles_NumbersItsPiecesWithoutAGap()
    {
        foreach (var (name, documents) in new[] { ("a", 3), ("b", 400_000), ("c", 3), ("d", 400_000), ("e", 3) })
            WriteDocuments(_folder[$"raw/{name}.txt"], "documents: lines", Enumerable.Range(1_000_000_000, documents));
        var config = Config($"path: {_folder["raw"]}\ndocuments: lines");
        var pieces = PiecePlan.Of(RawDataset.Prepare(config, _folder["out"]).Manifest, config);
        Assert.True(pieces.Count >= 7);
        Assert.Equal(Enumerable.Range(0, pieces.Count), pieces.Select(p => p.Number));
    }

    [Fact]
    public void Prepare_AnotherNdocs_IsAnotherText()
    {
        _folder.Write("a.txt", "one\ntwo\nthree\n");
        var (all, one, two) = (Prepare(""), Prepare("ndocs: 1"), Prepare("ndocs: 2"));
        Assert.Equal(3, new[] { all, one, two }.DistinctBy(p => p.Identity).Count());
        Assert.DoesNotContain("text_bytes", all.Json);
        Assert.Contains("\"text_bytes\": 4", one.Json);

        (string Identity, string Json) Prepare(string ndocs)
        {
            var manifest = RawDataset.Prepare(Config($"path: {_folder["a.txt"]}\ndocuments: lines\n{ndocs}"), _folder["out"]).Manifest;
            return (manifest.Files[0].Identity, File.ReadAllText(_folder["out/manifest.json"]));
        }
    }

    [Fact]
    public void Prepare_NdocsOfTokens_IsRefused()
    {
        _folder.Write("raw/a.bin", "tokens");
        var error = Assert.Throws<BadDataException>(() => RawDataset.Prepare(Config($"path: {_folder["raw"]}\nndocs: 5"), _folder["out"]));
        Assert.Contains("leave 'ndocs' out", error.Message);
    }

    [Theory]
    [InlineData("fineweb-edu", "HuggingFaceFW/fineweb-edu")]
    [InlineData("wiki", "wikimedia/wikipedia")]
    public void Prepare_ShippedHubDatasetThatIsNotDownloaded_SaysWhatToDo(string dataset, string hub)
    {
        var config = Config(File.ReadAllText(Repository.At("configs", "project_datasets", $"{dataset}.yaml")));
        var error = Assert.Throws<BadDataException>(() => RawDataset.Prepare(config, _folder["out"]));
        Assert.Contains($"{hub} is not whole in ", error.Message);
        Assert.Contains("run `dtt download`", error.Message);
    }

    private static IEnumerable<string> Read(Piece piece)
    {
        using var reader = new PieceReader(piece);
        while (reader.Read()) yield return Encoding.UTF8.GetString(reader.Document);
    }

    private static void WriteDocuments(string file, string documents, IEnumerable<int> numbers)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        Stream stream = File.Create(file);
        if (file.EndsWith(".gz", StringComparison.Ordinal)) stream = new GZipStream(stream, CompressionLevel.Fastest);
        using var writer = new StreamWriter(stream) { NewLine = "\n" };
        foreach (var number in numbers)
        {
            if (documents.Length == 0) writer.WriteLine($"{{\"text\": \"document {number} \\u00e4\"}}");
            else writer.WriteLine($"document {number} ä");
            if (documents == "documents: blank_lines") writer.WriteLine();
        }
    }

    private static DatasetConfig Config(string yaml) => DatasetConfig.From(new ConfigReader(DatasetKeys.All).ReadText(yaml, "test.yaml").Values, "test.yaml");
}
