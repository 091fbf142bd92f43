using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Most words of most texts: letters of ASCII, sixteen bytes at once. A word's end is found where the bytes hold it and the ASCII character behind it;
/// otherwise 0 is returned, and the word may be any.
/// </summary>
internal static class AsciiWord
{
    /// <summary>The end of a run of letters that begins at 0 or 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LettersEnd(ReadOnlySpan<byte> text, int at)
    {
        if (text.Length < Vector128<byte>.Count) return 0;
        var letters = Among(Load(text) | Vector128.Create((byte)0x20), (byte)'a');
        return Checked(text, at, RunEnd(letters, at));
    }

    /// <summary>The end of capitals and small letters behind them, either of which may be missing, that begin at 0 or 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int CapitalsAndSmallsEnd(ReadOnlySpan<byte> text, int at)
    {
        if (text.Length < Vector128<byte>.Count) return 0;
        var bytes = Load(text);
        return Checked(text, at, RunEnd(Among(bytes, (byte)'a'), RunEnd(Among(bytes, (byte)'A'), at)));
    }

    /// <summary>
    /// Where letters may begin by <c>[^\r\n\p{L}\p{N}]?\p{L}+</c>: 1 behind an ASCII character that may stand before them, 0 at a letter, and -1 elsewhere
    /// and at an apostrophe, which may begin a contraction.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LettersStart(byte first)
    {
        if (first is >= 0x80 or (byte)'\'') return -1;
        var flags = CodePointClass.OfAscii(first);
        return (flags & (CodePointClass.Number | CodePointClass.LineEnd)) != 0 ? -1 : (flags & CodePointClass.Letter) != 0 ? 0 : 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Load(ReadOnlySpan<byte> text) => Vector128.LoadUnsafe(ref MemoryMarshal.GetReference(text));

    /// <summary>Which of the bytes are one of the 26 letters from the first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Among(Vector128<byte> bytes, byte first) =>
        Vector128.LessThan(bytes - Vector128.Create(first), Vector128.Create((byte)26)).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int RunEnd(uint letters, int at) => at + BitOperations.TrailingZeroCount(~(letters >> at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Checked(ReadOnlySpan<byte> text, int at, int end) => end > at && end < Vector128<byte>.Count && text[end] < 0x80 ? end : 0;
}
