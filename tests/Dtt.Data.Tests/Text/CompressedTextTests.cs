using System.IO.Compression;
using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Text;
using Dtt.Tests;
using ZstdSharp.Unsafe;

namespace Dtt.Data.Tests.Text;

/// <summary>Compressed text is read to its last byte, or refused with the place; every format is known by the end of the file's name.</summary>
public sealed class CompressedTextTests : IDisposable
{
    private static readonly IEnumerable<TextFormat> _lines =
        TextFormat.All.Where(f => f is { Kind: TextKind.Plain or TextKind.JsonLines } or { Kind: TextKind.JsonArray, Compression: not TextCompression.None });

    private readonly TempFolder _folder = new();

    public static TheoryData<string> Compressed => [.. _lines.Where(f => f.Compression != TextCompression.None).Select(f => f.Ending)];

    public static TheoryData<string> Every => [.. _lines.Select(f => f.Ending)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Every))]
    public void Read_EveryFormat_InLettersOfEitherCase(string ending)
    {
        foreach (var name in new[] { "x" + ending, "Y" + ending.ToUpperInvariant() })
            Assert.Equal(["one é", "two"], Read(name, Compress(ending, Text(ending, "one é", "two"))));
    }

    [Theory]
    [MemberData(nameof(Every))]
    public void Read_AByteOrderMark_IsDropped(string ending) =>
        Assert.Equal(["one", "two"], Read("x" + ending, Compress(ending, [.. Encoding.UTF8.Preamble, .. Text(ending, "one", "two")])));

    [Theory]
    [MemberData(nameof(Every))]
    public void Read_Utf16_SaysSo(string ending)
    {
        foreach (var encoding in new Encoding[] { new UnicodeEncoding(false, true), new UnicodeEncoding(true, true), new UnicodeEncoding(false, false), })
        {
            byte[] text = [.. encoding.GetPreamble(), .. encoding.GetBytes(Encoding.UTF8.GetString(Text(ending, "one", "two")))];
            var error = Assert.Throws<BadDataException>(() => Read("x" + ending, Compress(ending, text)));
            Assert.Contains($"x{ending} is text in UTF-16; convert it with `iconv -f utf-16", error.Message);
        }
    }

    [Theory]
    [InlineData("x.txt", ".gz")]
    [InlineData("x.txt.zst", ".gz")]
    [InlineData("x.txt.gz", ".zst")]
    [InlineData("0000", ".zst")]
    public void Read_TheFirstBytes_GoBeforeTheName(string name, string packed) => Assert.Equal(["one"], Read(name, Compress(packed, "one\n"u8)));

    [Fact]
    public void Read_WhatTheFirstBytesContradict_SaysSo()
    {
        Assert.Contains("damaged near byte 0", Assert.Throws<BadDataException>(() => Read("x.txt.gz", "one\n"u8.ToArray())).Message);
        var twice = Compress(".gz", Compress(".zst", "one"u8));
        Assert.Contains("x.txt.gz is compressed twice; decompress it once", Assert.Throws<BadDataException>(() => Read("x.txt.gz", twice)).Message);
        var table = Assert.Throws<BadDataException>(() => Read("x.txt.gz", Compress(".gz", "PAR1"u8)));
        Assert.Contains("x.txt.gz is a Parquet file that was compressed as a whole; decompress it", table.Message);
    }

    [Theory]
    [MemberData(nameof(Compressed))]
    public void Read_SeveralMembers_AreOneText(string ending)
    {
        byte[] file = [.. Compress(ending, Text(ending, "one")), .. Compress(ending, []), .. Compress(ending, Text(ending, "two", "three"))];
        Assert.Equal(["one", "two", "three"], Read("x" + ending, file));
    }

    [Theory]
    [MemberData(nameof(Compressed))]
    public void Read_CutAnywhere_IsAnError(string ending)
    {
        var texts = Many(400).ToArray();
        var one = Compress(ending, Text(ending, texts));
        byte[] two = [.. one, .. Compress(ending, Text(ending, texts))];
        int[] inTheFirst = [1, 5, 12, one.Length / 2, one.Length - 5, one.Length - 1], inTheSecond = [1, 7, 99, one.Length - 1];
        foreach (var cut in inTheFirst.Concat(inTheSecond.Select(c => one.Length + c)))
            AssertDamaged(ending, two[..cut]);
        Assert.Equal(texts, Read("x" + ending, two[..one.Length]));
    }

    [Theory]
    [MemberData(nameof(Compressed))]
    public void Read_CutAtAFlush_IsAnError(string ending)
    {
        using var memory = new MemoryStream();
        using var packed = Packer(ending, memory);
        packed.Write(Text(ending, "one", "two"));
        packed.Flush();
        AssertDamaged(ending, memory.ToArray());
    }

    [Theory]
    [MemberData(nameof(Compressed))]
    public void Read_AnyWrongByte_IsAnErrorOrChangesNothing(string ending)
    {
        var texts = Many(300).ToArray();
        byte[] file = [.. Compress(ending, Text(ending, texts)), .. Compress(ending, Text(ending, texts))];
        var random = new Random(5);
        for (var i = 0; i < 100; i++)
        {
            var wrong = file.ToArray();
            wrong[random.Next(wrong.Length)] ^= (byte)(1 << random.Next(8));
            try
            {
                Assert.Equal([.. texts, .. texts], Read("x" + ending, wrong));
            }
            catch (BadDataException)
            {
            }
        }
    }

    [Theory]
    [MemberData(nameof(Compressed))]
    public void Read_AnythingBehindTheLastMember_IsAnError(string ending)
    {
        var file = Compress(ending, Text(ending, "one"));
        AssertDamaged(ending, [.. file, .. "more"u8]);
        AssertDamaged(ending, [.. file, 0x1F]);
        if (ending.EndsWith(".gz", StringComparison.Ordinal)) Assert.Equal(["one"], Read("x" + ending, [.. file, .. new byte[512]]));
    }

    [Theory]
    [MemberData(nameof(Compressed))]
    public void Read_DocumentsOfAnyLength_AreWhole(string ending)
    {
        string[] texts = [.. new[] { 1, 65_535, 65_536, 65_537, 300_000, 7 }.Select((length, i) => new string((char)('a' + i), length))];
        Assert.Equal(texts, Read("x" + ending, Compress(ending, Text(ending, texts))));
    }

    [Fact]
    public void Read_AGzipHeaderWithAllItsParts()
    {
        var plain = Compress(".gz", Text(".txt", "one"));
        byte[] full = [.. plain[..3], 2 | 4 | 8 | 16, .. plain[4..10], 3, 0, 1, 2, 3, .. "name\0"u8, .. "comment\0"u8, 9, 9, .. plain[10..]];
        Assert.Equal(["one"], Read("x.txt.gz", full));
        foreach (var cut in new[] { 4, 11, 14, 17, 25, 28 })
            Assert.Contains("inside the header", Assert.Throws<BadDataException>(() => Read("x.txt.gz", full[..cut])).Message);
    }

    [Fact]
    public void Read_AZstandardWindowOf2GiB()
    {
        using var memory = new MemoryStream();
        using (var packed = new ZstdSharp.CompressionStream(memory))
        {
            packed.SetParameter(ZSTD_cParameter.ZSTD_c_windowLog, 31);
            packed.SetParameter(ZSTD_cParameter.ZSTD_c_enableLongDistanceMatching, 1);
            packed.Write(Text(".txt", "one", "two"));
        }

        Assert.Equal(["one", "two"], Read("x.txt.zst", memory.ToArray()));
    }

    private void AssertDamaged(string ending, byte[] file)
    {
        var error = Assert.Throws<BadDataException>(() => Read("x" + ending, file));
        Assert.Matches($@"x{ending}: its compressed data is damaged near byte [\d,]+ of {file.Length:N0}: ", error.Message);
    }

    private List<string> Read(string name, byte[] content)
    {
        File.WriteAllBytes(_folder[name], content);
        var format = TextContent.Of(_folder[name]).FormatOf("lines");
        using var reader = DocumentReader.Open(TextSlice.Of(_folder[name], format, "text"));
        var documents = new List<string>();
        while (reader.Read()) documents.Add(Encoding.UTF8.GetString(reader.Document));
        return documents;
    }

    private static IEnumerable<string> Many(int count) => Enumerable.Range(0, count).Select(i => $"document {i} {i * 7919L * 7919 % 1_000_003}");

    private static byte[] Text(string ending, params string[] documents) => Encoding.UTF8.GetBytes(string.Concat(
        TextFormat.Of(ending) is { Kind: not TextKind.Plain } ? documents.Select(d => $"{{\"text\": \"{d}\"}}\n") : documents.Select(d => d + "\n")));

    private static byte[] Compress(string ending, ReadOnlySpan<byte> text)
    {
        using var memory = new MemoryStream();
        using (var packed = Packer(ending, memory)) packed.Write(text);
        return memory.ToArray();
    }

    private static Stream Packer(string ending, MemoryStream memory) => Path.GetExtension(ending) switch
    {
        ".gz" => new GZipStream(memory, CompressionMode.Compress, leaveOpen: true),
        ".zst" => Zstandard(memory),
        _ => memory,
    };

    private static ZstdSharp.CompressionStream Zstandard(MemoryStream memory)
    {
        var packed = new ZstdSharp.CompressionStream(memory, leaveOpen: true);
        packed.SetParameter(ZSTD_cParameter.ZSTD_c_checksumFlag, 1);
        return packed;
    }
}
