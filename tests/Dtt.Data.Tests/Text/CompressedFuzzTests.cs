using System.IO.Compression;
using System.Text;
using Dtt.Core.Errors;
using Dtt.Data.Text;
using Dtt.Tests;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Dtt.Data.Tests.Text;

public sealed class CompressedFuzzTests : IDisposable
{
    private const int MostBytes = 1 << 22;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(".gz")]
    [InlineData(".zst")]
    public Task Read_OfAnyDamage_GivesTheTextThatWasPackedOrAnotherReaderFinds_OrIsRefused(string ending) => Fuzz.RunAsync(1500, random =>
    {
        var texts = Enumerable.Range(0, 1 + random.Next(4)).Select(_ => Text(random)).ToList();
        byte[] text = [.. texts.SelectMany(t => t)], whole = [.. texts.SelectMany(t => Packed(ending, t, random))];
        var bytes = random.Damage(whole);
        var file = _folder["x.txt" + ending];
        File.WriteAllBytes(file, bytes);
        try
        {
            var read = Read(file, 1 + random.Next(1 << random.Next(17)));
            Assert.True(read.SequenceEqual(text) || read.SequenceEqual(ByAnother(ending, bytes)), $"it gave {read.Length} bytes of {text.Length}");
        }
        catch (BadDataException e)
        {
            Assert.Contains($"{file}: its compressed data is damaged near byte ", e.Message);
            Assert.False(bytes.SequenceEqual(whole), e.Message);
        }

        return Task.CompletedTask;
    });

    /// <summary>Nothing, few bytes, or more than the readers' buffers hold; as they come, or of a few letters.</summary>
    private static byte[] Text(Random random)
    {
        var text = new byte[random.Next(1 << random.Next(18))];
        random.NextBytes(text);
        if (random.Next(2) == 0) text = [.. text.Select(b => "abc\n"u8[b % 4])];
        return text;
    }

    /// <summary>A member or frame, in one go or with a flush within.</summary>
    private static byte[] Packed(string ending, byte[] text, Random random)
    {
        using var memory = new MemoryStream();
        using (Stream packed = ending == ".gz" ? new GZipStream(memory, random.One(Enum.GetValues<CompressionLevel>())) : Zstandard(memory, random))
        {
            var half = random.Next(text.Length + 1);
            packed.Write(text.AsSpan(0, half));
            if (random.Next(2) == 0) packed.Flush();
            packed.Write(text.AsSpan(half));
        }

        return memory.ToArray();
    }

    private static CompressionStream Zstandard(MemoryStream memory, Random random)
    {
        var packed = new CompressionStream(memory, level: 1 + random.Next(5));
        packed.SetParameter(ZSTD_cParameter.ZSTD_c_checksumFlag, random.Next(2));
        return packed;
    }

    private static byte[] Read(string file, int bufferBytes)
    {
        using var stream = TextStream.Open(file);
        using var text = new MemoryStream();
        stream.CopyTo(text, bufferBytes);
        return text.ToArray();
    }

    /// <summary>What the framework, or Zstandard in one call, makes of the whole; it says itself when it refuses.</summary>
    private static byte[] ByAnother(string ending, byte[] bytes)
    {
        try
        {
            if (ending == ".zst")
            {
                using var all = new Decompressor();
                var text = new byte[MostBytes];
                return text[..all.Unwrap(bytes, text, 0)];
            }

            using var stream = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
            using var memory = new MemoryStream();
            stream.CopyTo(memory);
            return memory.ToArray();
        }
        catch (Exception e) when (e is InvalidDataException or ZstdException)
        {
            return Encoding.UTF8.GetBytes(e.Message);
        }
    }
}
