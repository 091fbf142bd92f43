using System.Buffers.Binary;
using Dtt.Core.Errors;

namespace Dtt.Data.Tokens;

/// <summary>
/// The first 1,024 bytes of a shard: 256 little-endian int32, of which three are used: magic, version, token count. Up to 65,536 ids it is
/// llm.c's GPT-2 format (20240520, 1) with uint16 tokens, above it llm.c's Llama 3 format (20240801, 7) with uint32 tokens.
/// </summary>
internal static class ShardHeader
{
    public const int Bytes = 1024;
    private const int Magic = 20240520, WideMagic = 20240801;

    public static int TokenBytes(int vocabSize) => vocabSize <= 65536 ? 2 : 4;

    public static byte[] Write(int tokenBytes, long tokens)
    {
        var header = new byte[Bytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, tokenBytes == 2 ? Magic : WideMagic);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), tokenBytes == 2 ? 1 : 7);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), checked((int)tokens));
        return header;
    }

    /// <summary>Bytes per token, header bytes, and token count of another trainer's file: one without a header is bare uint16.</summary>
    /// <exception cref="BadDataException">The file is missing or cut short.</exception>
    public static (int TokenBytes, int HeaderBytes, long Tokens) ReadAny(string file)
    {
        if (!File.Exists(file)) throw new BadDataException($"{file} has been deleted since `dtt download`; run it again.");
        using var stream = File.OpenRead(file);
        var start = new byte[4];
        var read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (read == start.Length && BinaryPrimitives.ReadInt32LittleEndian(start) is Magic or WideMagic)
        {
            var (tokenBytes, tokens) = Read(file, "Copy or download the file again.");
            return (tokenBytes, Bytes, tokens);
        }

        return stream.Length % 2 == 0 ? (2, 0, stream.Length / 2)
            : throw new BadDataException($"{file} is not a token file: it has no llm.c header, and its size, {stream.Length:N0} bytes, "
                + "is not a whole number of uint16.");
    }

    /// <summary>Bytes per token and token count of a shard file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="remedy">What the user can do when it is damaged, as a sentence.</param>
    /// <exception cref="BadDataException">The file is missing, is not a shard, or is cut short.</exception>
    public static (int TokenBytes, long Tokens) Read(string file, string remedy)
    {
        if (!File.Exists(file)) throw new BadDataException($"{file} is missing. {remedy}");
        using var stream = File.OpenRead(file);
        var header = new byte[Bytes];
        if (stream.ReadAtLeast(header, Bytes, throwOnEndOfStream: false) < Bytes) throw Truncated(Bytes, "a header needs");
        var (magic, version) = (BinaryPrimitives.ReadInt32LittleEndian(header), BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4)));
        var tokenBytes = (magic, version) switch
        {
            (Magic, 1) => 2,
            (WideMagic, 7) => 4,
            _ => throw new BadDataException(
                $"{file} is not a token shard: it starts with {magic}, {version} instead of 20240520, 1 (or 20240801, 7). {remedy}"),
        };
        long tokens = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8));
        var expected = Bytes + tokens * tokenBytes;
        return stream.Length == expected ? (tokenBytes, tokens) : throw Truncated(expected, "its header says");

        BadDataException Truncated(long bytes, string who) => new(
            $"{file} has {stream.Length:N0} bytes, but {who} {bytes:N0}: it is damaged from byte {Math.Min(stream.Length, bytes):N0} on. {remedy}");
    }
}
