using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
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
    public void Prepare_FilesPutIntoTheRawFolder_AreFound()
    {
        _folder.Write("raw/one.txt", "one\n");
        Assert.Single(RawDataset.Prepare(Config(""), _folder["raw"]).Manifest.Files);
        _folder.Write("raw/two.txt", "two\n");
        Assert.Equal(2, RawDataset.Prepare(Config(""), _folder["raw"]).Manifest.Files.Count);
    }

    [Fact]
    public void Prepare_NothingThere_SaysWhereToPutText() =>
        Assert.Contains("there is no text in", Assert.Throws<BadDataException>(() => RawDataset.Prepare(Config(""), _folder["raw"])).Message);

    [Fact]
    public void Prepare_MissingPath_SaysSo() =>
        Assert.Contains("there is no file or folder", Assert.Throws<BadDataException>(() => RawDataset.Prepare(Config($"path: {_folder["none.txt"]}"), _folder["raw"])).Message);

    [Fact]
    public void Prepare_EmptyFile_SaysWhich()
    {
        _folder.Write("empty.txt", "");
        Assert.Contains("empty.txt is empty", Assert.Throws<BadDataException>(() => RawDataset.Prepare(Config($"path: {_folder["empty.txt"]}"), _folder["raw"])).Message);
    }

    private static DatasetConfig Config(string yaml) => DatasetConfig.From(new ConfigReader(DatasetKeys.All).ReadText(yaml, "test.yaml").Values, "test.yaml");
}
