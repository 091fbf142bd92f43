using System.Buffers.Binary;
using System.IO.Compression;
using Dtt.Core.Errors;
using Dtt.Data.Pickle;
using Dtt.Tests;

namespace Dtt.Data.Tests.Pickle;

/// <summary>Zip files by torch.save (tests/reference/make_foreign.py) and by .NET, and those that a test bends.</summary>
public sealed class StoredZipTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_AFileOfTorchSave_FindsWhatDotNetFinds()
    {
        var file = Repository.At("tests", "reference", "foreign", "ckpt.pt");
        var zip = StoredZip.Open(file);
        using var other = ZipFile.OpenRead(file);
        Assert.Equal(other.Entries.Select(e => e.FullName).Order(StringComparer.Ordinal), zip.Entries.Keys.Order(StringComparer.Ordinal));
        foreach (var entry in other.Entries)
        {
            using var content = new MemoryStream();
            using (var stream = entry.Open()) stream.CopyTo(content);
            Assert.Equal(content.ToArray(), zip.ReadWhole(entry.FullName, long.MaxValue));
        }
    }

    [Theory]
    [InlineData("../../.bashrc", "is a name that leads out of a folder")]
    [InlineData("/etc/passwd", "is a name that leads out of a folder")]
    [InlineData("a\\..\\b", "is a name that leads out of a folder")]
    public void Open_NamesThatLeadElsewhere_AreRefused(string name, string message) => AssertRefused(Zip((name, [1, 2, 3])), message);

    [Fact]
    public void Open_ABomb_IsRefused_BecauseTorchCompressesNothing()
    {
        using (var zip = ZipFile.Open(_folder["f.pt"], ZipArchiveMode.Create))
        {
            using var stream = zip.CreateEntry("a/data.pkl", CompressionLevel.Optimal).Open();
            stream.Write(new byte[10 << 20]);
        }

        AssertRefused(File.ReadAllBytes(_folder["f.pt"]), "'a/data.pkl' is compressed, and torch.save never does that");
    }

    [Fact]
    public void Open_SizesThatLie_AreRefused()
    {
        var whole = Zip(("a", [1, 2, 3]), ("b", [4, 5]));
        AssertRefused(Changed(whole, 24, 1_000_000, first: true), "'a' has 3 bytes in one place of its entry and 1,000,000 in another");
        AssertRefused(Changed(Changed(whole, 20, 1_000_000, true), 24, 1_000_000, true), "'a' would have 1,000,000 bytes, and reaches beyond the file's");
        AssertRefused(Changed(whole, 42, 1_000_000, first: true), "it points beyond its end");
        AssertRefused(Changed(whole, 42, 5, first: true), "'a' does not begin where the list of entries says");
        AssertRefused(Changed(whole, 42, 0, first: false), "lies over the entry before it");           // two entries, one place
        AssertRefused(Zip(("a", [1]), ("a", [2])), "'a' is there twice");
        AssertRefused(whole[..^30], "it has no end of a zip file");
        AssertRefused([], "it has no end of a zip file");
    }

    [Fact]
    public void Verify_ADamagedEntry_IsRefused()
    {
        var bytes = Zip(("a", [1, 2, 3]));
        bytes[bytes.AsSpan().IndexOf(new byte[] { 1, 2, 3 })] = 9;
        File.WriteAllBytes(_folder["f.pt"], bytes);
        Assert.Contains("'a' does not have its checksum", Assert.Throws<BadDataException>(() => StoredZip.Open(_folder["f.pt"]).Verify("a")).Message);
        Assert.Contains("at most 2 are read", Assert.Throws<BadDataException>(() => StoredZip.Open(_folder["f.pt"]).ReadWhole("a", 2)).Message);
    }

    private void AssertRefused(byte[] zip, string message)
    {
        File.WriteAllBytes(_folder["f.pt"], zip);
        var error = Assert.Throws<BadDataException>(() => StoredZip.Open(_folder["f.pt"]));
        Assert.StartsWith(_folder["f.pt"] + ": ", error.Message);
        Assert.Contains(message, error.Message);
    }

    private static byte[] Zip(params (string Name, byte[] Content)[] entries)
    {
        using var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in entries)
            {
                using var stream = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
                stream.Write(content);
            }
        }

        return memory.ToArray();
    }

    /// <summary>Sets a number of an entry in the list at the end.</summary>
    private static byte[] Changed(byte[] zip, int at, int value, bool first)
    {
        byte[] changed = [.. zip];
        var entry = first ? changed.AsSpan().IndexOf("PK\u0001\u0002"u8) : changed.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        BinaryPrimitives.WriteInt32LittleEndian(changed.AsSpan(entry + at), value);
        return changed;
    }
}
