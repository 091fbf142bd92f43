using System.IO.Compression;
using Dtt.Core.Errors;
using Dtt.Data.Text;
using Dtt.Tests;
using ZstdSharp;

namespace Dtt.Data.Tests.Text;

/// <summary>A small file with a huge line takes bounded memory and ends with an error.</summary>
public sealed class BombTests : IDisposable
{
    private const int Megabytes = 200, Most = 1 << 20;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("x.txt.gz", "", "the document at byte 0")]
    [InlineData("x.txt.zst", "", "the document at byte 0")]
    [InlineData("x.jsonl.gz", "{\"text\": \"", "line 1")]
    [InlineData("x.json.gz", "[{\"text\": \"", "object 1 at byte 1")]
    [InlineData("x.json.zst", "[{\"text\": \"", "object 1 at byte 1")]
    [InlineData("x.csv.gz", "text\n", "the row at line 2")]
    [InlineData("x.tsv.zst", "text\n\"", "the row at line 2")]
    public void Read_ALineOfManyMegabytesInAFewKilobytes_IsRefusedInLittleMemory(string name, string begin, string place)
    {
        using (Stream file = File.Create(_folder[name]), packed = name.EndsWith(".gz", StringComparison.Ordinal)
            ? new GZipStream(file, CompressionLevel.Fastest)
            : new CompressionStream(file))
        {
            packed.Write(System.Text.Encoding.UTF8.GetBytes(begin));
            var some = Enumerable.Repeat((byte)'x', 1 << 20).ToArray();
            for (var i = 0; i < Megabytes; i++) packed.Write(some);
        }

        var format = TextContent.Of(_folder[name]).FormatOf("lines");
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<BadDataException>(() =>
        {
            using var reader = DocumentReader.Open(TextSlice.Of(_folder[name], format, "text"), Most);
            return reader.Read();
        });
        Assert.Contains($"{name}: {place} is longer than {Most:N0} bytes, which is more than a document may have; divide it.", error.Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 32 << 20);
    }
}
