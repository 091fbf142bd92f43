using System.Globalization;
using System.Text;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Unicode's normal form C (UAX #15), which some tokenizers bring text into first: .NET has it only with ICU, which DTT does without. Bytes that are not
/// UTF-8 stay as they are.
/// </summary>
internal static class NormalForm
{
    private const int HangulFirst = 0xAC00, LeadFirst = 0x1100, VowelFirst = 0x1161, TailFirst = 0x11A7, Vowels = 21, Tails = 28, Syllables = 11172;
    private const int Raw = 1 << 24; // a byte that is no character
    private static readonly Dictionary<int, byte> _classOf = [];
    private static readonly Dictionary<int, int[]> _partsOf = [];
    private static readonly Dictionary<(int First, int Second), int> _composed = [];
    private static readonly HashSet<int> _seconds = [.. Enumerable.Range(VowelFirst, Vowels), .. Enumerable.Range(TailFirst + 1, Tails - 1)];

    static NormalForm()
    {
        using var lines = new StreamReader(typeof(NormalForm).Assembly.GetManifestResourceStream("Dtt.Data.Tokenizers.canonical.txt")!);
        while (lines.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            var words = line.TrimStart('=').Split(' ');
            var numbers = words.Where(w => w != "class").Select(w => int.Parse(w, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray();
            if (words[^1] == "class")
            {
                _classOf[numbers[0]] = (byte)numbers[1];
                continue;
            }

            _partsOf[numbers[0]] = numbers[1..];
            if (line[0] != '=') continue;
            _composed[(numbers[1], numbers[2])] = numbers[0];
            _ = _seconds.Add(numbers[2]);
        }
    }

    /// <summary>The text in normal form C: itself where every character is below U+0300.</summary>
    public static ReadOnlySpan<byte> Of(ReadOnlySpan<byte> text)
    {
        if (!text.ContainsAnyInRange((byte)0xCC, (byte)0xF4)) return text;
        var (result, segment, parts) = (new MemoryStream(text.Length), new List<int>(), new List<int>());
        while (!text.IsEmpty)
        {
            var isValid = Rune.DecodeFromUtf8(text, out var rune, out var width) == System.Buffers.OperationStatus.Done;
            parts.Clear();
            if (isValid) Decompose(rune.Value, parts);
            for (var i = 0; !isValid && i < width; i++) parts.Add(Raw | text[i]);
            if (segment.Count > 0 && Class(parts[0]) == 0 && !_seconds.Contains(parts[0])) Flush(segment, result);
            segment.AddRange(parts);
            text = text[width..];
        }

        Flush(segment, result);
        return result.GetBuffer().AsSpan(0, (int)result.Length);
    }

    private static byte Class(int code) => _classOf.GetValueOrDefault(code);

    private static void Decompose(int code, List<int> parts)
    {
        if (code - HangulFirst is >= 0 and < Syllables and var syllable)
        {
            parts.Add(LeadFirst + (syllable / (Vowels * Tails)));
            parts.Add(VowelFirst + (syllable / Tails % Vowels));
            if (syllable % Tails > 0) parts.Add(TailFirst + (syllable % Tails));
            return;
        }

        if (!_partsOf.TryGetValue(code, out var its))
        {
            parts.Add(code);
            return;
        }

        foreach (var part in its) Decompose(part, parts);
    }

    /// <summary>Orders the marks of characters that may join, joins them, and writes them.</summary>
    private static void Flush(List<int> segment, MemoryStream result)
    {
        for (var i = 1; i < segment.Count; i++)
        {
            for (var j = i; j > 0 && Class(segment[j]) is > 0 and var own && Class(segment[j - 1]) > own; j--)
                (segment[j - 1], segment[j]) = (segment[j], segment[j - 1]);
        }

        int starter = -1, last = -1, count = 0;
        Span<byte> bytes = stackalloc byte[4];
        for (var i = 0; i < segment.Count; i++)
        {
            var (code, own) = (segment[i], Class(segment[i]));
            if (starter >= 0 && last < own && Compose(segment[starter], code) is { } composed)
            {
                segment[starter] = composed;
                continue;
            }

            (starter, last) = own == 0 ? (count, -1) : (starter, own);
            segment[count++] = code;
        }

        foreach (var code in segment.Take(count))
        {
            if (code >= Raw) result.WriteByte((byte)code);
            else result.Write(bytes[..new Rune(code).EncodeToUtf8(bytes)]);
        }

        segment.Clear();
    }

    private static int? Compose(int first, int second)
    {
        if (first - LeadFirst is >= 0 and < 19 and var lead && second - VowelFirst is >= 0 and < Vowels and var vowel)
            return HangulFirst + (((lead * Vowels) + vowel) * Tails);
        if (first - HangulFirst is >= 0 and < Syllables and var syllable && syllable % Tails == 0 && second - TailFirst is > 0 and < Tails and var tail)
            return first + tail;
        return _composed.TryGetValue((first, second), out var composed) ? composed : null;
    }
}
