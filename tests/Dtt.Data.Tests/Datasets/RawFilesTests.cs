using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Text;
using Dtt.Tests;

namespace Dtt.Data.Tests.Datasets;

/// <summary>Which files of a folder a dataset consists of.</summary>
public sealed class RawFilesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Folder_WithLinks_HasEachFileOnce()
    {
        _folder.Write("text/a.txt", "one\n");
        _folder.Write("text/deep/b.txt", "two\n");
        _folder.Write("elsewhere/c.txt", "three\n");
        File.CreateSymbolicLink(_folder["text/0self"], ".");
        File.CreateSymbolicLink(_folder["text/deep/up"], "..");
        File.CreateSymbolicLink(_folder["text/0.txt"], "deep/b.txt");
        File.CreateSymbolicLink(_folder["text/0deep"], "deep");
        File.CreateSymbolicLink(_folder["text/far"], _folder["elsewhere"]);
        File.CreateSymbolicLink(_folder["text/far.txt"], _folder["elsewhere/c.txt"]);
        File.CreateSymbolicLink(_folder["link"], "text");
        Assert.Equal(["a.txt", "deep/b.txt", "far/c.txt"], Files("text"));
        Assert.Equal(["a.txt", "deep/b.txt", "far/c.txt"], Files("link"));
    }

    [Fact]
    public void LinkToAFile_IsReadWhole_AndItsChangesAreNoticed()
    {
        var text = string.Concat(Enumerable.Range(0, 50).Select(i => $"document {i}\n\n"));
        _folder.Write("elsewhere/long.txt", text);
        Directory.CreateDirectory(_folder["text"]);
        File.CreateSymbolicLink(_folder["text/link.txt"], "../elsewhere/long.txt");
        foreach (var path in new[] { "text", "text/link.txt" })
        {
            var (manifest, _, _) = RawDataset.Prepare(Config(path), _folder["raw"]);
            Assert.Equal(text.Length, manifest.Bytes);
            using var reader = new PieceReader(Assert.Single(PiecePlan.Of(manifest, Config(path))));
            var documents = 0;
            while (reader.Read()) documents++;
            Assert.Equal(50, documents);
            Assert.True(RawDataset.Prepare(Config(path), _folder["raw"]).WasThere);
        }

        _folder.Write("elsewhere/long.txt", text.Replace("document 7", "DOCUMENT 7"));
        Assert.False(RawDataset.Prepare(Config("text/link.txt"), _folder["raw"]).WasThere);
    }

    [Fact]
    public void Folder_WithATextPlainAndCompressed_ReadsBothAndSaysSo()
    {
        foreach (var name in new[] { "a.txt", "b.txt" }) _folder.Write($"text/{name}", "one\n");
        using (var packed = new System.IO.Compression.GZipStream(File.Create(_folder["text/a.txt.gz"]), System.IO.Compression.CompressionLevel.Optimal))
            packed.Write("one\n"u8);
        var (manifest, _, notes) = RawDataset.Prepare(Config("text"), _folder["raw"]);
        Assert.Equal(3, manifest.Files.Count);
        Assert.Equal($"each is read, though they may be one text twice: {_folder["text/a.txt"]}, {_folder["text/a.txt.gz"]}", Assert.Single(notes));
    }

    [Fact]
    public void Folder_WithHiddenFiles_LeavesThemOutAndSaysSo()
    {
        _folder.Write("text/a.txt", "one\n");
        _folder.Write("text/._a.txt", "not text");
        _folder.Write("text/.DS_Store", "nor this");
        _folder.Write("text/.ipynb_checkpoints/a-checkpoint.txt", "one\n");
        Assert.Equal(["a.txt"], Files("text"));
        Assert.Equal("left out as hidden: ._a.txt, .ipynb_checkpoints", Assert.Single(RawDataset.Prepare(Config("text"), _folder["raw2"]).Notes));
        File.Delete(_folder["text/a.txt"]);
        Assert.Contains("left out as hidden: ._a.txt, .ipynb_checkpoints).", Error("text"));
        Assert.Equal(["._a.txt"], Files("text/._a.txt"));
        _folder.Write(".home/text/b.txt", "two\n");
        Assert.Equal(["b.txt"], Files(".home/text"));
    }

    [Fact]
    public void LinkThatLeadsNowhere_IsNamed()
    {
        _folder.Write("text/a.txt", "one\n");
        File.CreateSymbolicLink(_folder["text/b.txt"], "gone.txt");
        File.CreateSymbolicLink(_folder["lost.txt"], "gone.txt");
        File.CreateSymbolicLink(_folder["round.txt"], "round.txt");
        Assert.Contains("b.txt is a link to gone.txt, which is not there", Error("text"));
        Assert.Contains("lost.txt is a link to gone.txt, which is not there", Error("lost.txt"));
        Assert.Contains("round.txt is a link to round.txt, which is not there (or leads back to the link)", Error("round.txt"));
    }

    [Fact]
    public void Folder_WithTextAndTokens_IsRefused()
    {
        foreach (var name in new[] { "train.bin", "val.bin", "readme.txt" }) _folder.Write($"mixed/{name}", "some");
        Assert.Contains("has both text (readme.txt) and token files (train.bin, val.bin)", Error("mixed"));
        File.Delete(_folder["mixed/readme.txt"]);
        Assert.Equal(["train.bin", "val.bin"], Files("mixed"));
    }

    [Fact]
    public void Folder_WithSeveralKinds_IsOfTheFirst_AndTheOthersAreNamed()
    {
        _folder.Write("mixed/a.csv", "text\none\n");
        _folder.Write("mixed/b.json", "[\n {\"text\": \"two\"}]");
        _folder.Write("mixed/settings.json", "{\"text\": \"three\"}");
        _folder.Write("mixed/lines.json", "{\"text\": \"four\"}\n{\"text\": \"five\"}\n");
        _folder.Write("mixed/LICENSE", "all rights");
        File.WriteAllBytes(_folder["mixed/backup"], [0x1F, 0x8B, 8, 0]);
        Assert.Equal(["a.csv", "b.json", "backup", "lines.json"], Files("mixed"));
        _folder.Write("mixed/c.parquet", "PAR1");
        _folder.Write("mixed/d.arrow", "x");
        _folder.Write("mixed/e", "ARROW1");
        Assert.Equal(["c.parquet", "d.arrow", "e"], Files("mixed"));
        _folder.Write("mixed/f.bin", "tokens");
        Assert.Equal(["f.bin"], RawFiles.Find(Config("mixed"), _folder["raw"]).Paths.Select(Path.GetFileName));
        File.Delete(_folder["mixed/f.bin"]);
        _folder.Write("mixed/g.jsonl", "{\"text\": \"six\"}\n");
        Assert.Equal(["g.jsonl"], Files("mixed"));
        Assert.Equal(["a.csv", "b.json", "backup", "c.parquet", "d.arrow", "e", "lines.json"],
            RawFiles.Find(Config("mixed"), _folder["raw"]).Beside.Select(Path.GetFileName));
    }

    private IEnumerable<string> Files(string path) => RawDataset.Prepare(Config(path), _folder["raw"]).Manifest.Files
        .Select(f => f.Path == _folder[path] ? Path.GetFileName(f.Path) : Path.GetRelativePath(_folder[path], f.Path));

    private string Error(string path) => Assert.Throws<BadDataException>(() => RawDataset.Prepare(Config(path), _folder["raw"])).Message;

    private DatasetConfig Config(string path) =>
        DatasetConfig.From(new ConfigReader(DatasetKeys.All).ReadText($"path: {_folder[path]}", "test.yaml").Values, "test.yaml");
}
