using System.Text;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// GPT-2's bytes-to-characters table: every byte as one printable character, and the order of those characters, which numbers the first
/// 256 ids.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] _characterOf = new char[256];
    private static readonly Dictionary<char, byte> _byteOf = [];

    static ByteAlphabet()
    {
        var id = 0;
        var next = 256;
        for (var b = 0; b < 256; b++)
        {
            var printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            _characterOf[b] = (char)(printable ? b : next++);
            _byteOf[_characterOf[b]] = (byte)b;
        }

        foreach (var b in Enumerable.Range(0, 256).OrderBy(b => _characterOf[b]))
        {
            ByteOfId[id] = (byte)b;
            IdOfByte[b] = id++;
        }
    }

    /// <summary>The byte that each of the ids 0–255 stands for.</summary>
    public static byte[] ByteOfId { get; } = new byte[256];

    /// <summary>The id, 0–255, of each byte.</summary>
    public static int[] IdOfByte { get; } = new int[256];

    /// <summary>The bytes as printable characters, as in <c>vocab.json</c>.</summary>
    public static string ToText(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (var b in bytes) text.Append(_characterOf[b]);
        return text.ToString();
    }

    /// <summary>The bytes behind printable characters, or null when one of them stands for no byte.</summary>
    public static byte[]? FromText(string text)
    {
        var bytes = new byte[text.Length];
        for (var i = 0; i < text.Length; i++)
        {
            if (!_byteOf.TryGetValue(text[i], out bytes[i])) return null;
        }

        return bytes;
    }
}
