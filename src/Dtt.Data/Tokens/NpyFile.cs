using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Dtt.Core.Errors;

namespace Dtt.Data.Tokens;

/// <summary>NumPy's <c>.npy</c>: magic, version, a header of Python's form that tells type, order and shape, then the values.</summary>
internal static partial class NpyFile
{
    /// <summary>How such files' names end.</summary>
    public const string Ending = ".npy";

    private const int MostHeaderBytes = 1 << 16;
    private static readonly Dictionary<string, int> _types = new() { ["<u2"] = 2, ["<u4"] = 4, ["<i4"] = 4, ["<i8"] = 8, ["<u8"] = 8 };

    /// <summary>Bytes of a value, bytes before the first, and how many there are.</summary>
    /// <exception cref="BadDataException">It is something else, cut short, or not a flat array of whole numbers.</exception>
    public static (int ValueBytes, int HeaderBytes, long Count) ReadHeader(string file)
    {
        using var stream = File.OpenRead(file);
        var start = new byte[12];
        var read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (read < start.Length || start[0] != 0x93 || !start.AsSpan(1, 5).SequenceEqual("NUMPY"u8))
            throw new BadDataException($"{file} is no .npy file: it does not begin with NumPy's mark. Save the tokens again with numpy.save.");
        var (at, length) = start[6] == 1
            ? (10, BinaryPrimitives.ReadUInt16LittleEndian(start.AsSpan(8))) : (12, BinaryPrimitives.ReadInt32LittleEndian(start.AsSpan(8)));
        if (start[6] is < 1 or > 3 || length is < 0 or > MostHeaderBytes || at + length > stream.Length)
        {
            throw new BadDataException($"{file} is of version {start[6]} with a header of {length:N0} bytes: it is damaged, or of a NumPy "
                + "that DTT does not know.");
        }

        var header = new byte[length];
        stream.Position = at;
        stream.ReadExactly(header);
        if (Header().Match(Encoding.Latin1.GetString(header)) is not { Success: true } match)
        {
            throw new BadDataException($"{file}: its header is {Encoding.Latin1.GetString(header).Trim()}, and a flat array was expected: "
                + "{'descr': '<u2', 'fortran_order': False, 'shape': (COUNT,), }. Save the tokens again, flat.");
        }

        if (!_types.TryGetValue(match.Groups[1].Value, out var bytes))
        {
            throw new BadDataException($"{file}: its values are '{match.Groups[1].Value}', and tokens are {string.Join(", ", _types.Keys)}. "
                + "Save them again as one of these.");
        }

        var expected = long.TryParse(match.Groups[2].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= long.MaxValue / 16
            ? at + length + count * bytes : -1;
        return stream.Length == expected ? (bytes, at + length, count) : throw new BadDataException(
            $"{file} has {stream.Length:N0} bytes, and its header tells of {match.Groups[2].Value} values of {bytes} bytes: it is cut short or damaged.");
    }

    [GeneratedRegex(@"^\{'descr': '([^']{1,8})', 'fortran_order': (?:True|False), 'shape': \((\d+),\), \}\s*$")]
    private static partial Regex Header();
}
