using System.Security.Cryptography;
using Dtt.Core.Errors;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// A byte-level BPE vocabulary: 256 bytes in GPT-2's order, then one id per merge in the order of training (so a smaller id merges
/// first), then <c>&lt;|endoftext|&gt;</c>.
/// </summary>
public sealed class Vocabulary
{
    /// <summary>The token that ends every document.</summary>
    public const string EndOfTextToken = "<|endoftext|>";

    private readonly byte[][] _bytes;

    /// <summary>A vocabulary of the given merges: pairs of ids, each below the id that it makes.</summary>
    public Vocabulary(IReadOnlyList<(int Left, int Right)> merges)
    {
        Merges = merges;
        _bytes = new byte[256 + merges.Count][];
        for (var id = 0; id < 256; id++) _bytes[id] = [ByteAlphabet.ByteOfId[id]];
        Pairs = new PairTable(merges.Count);
        for (var m = 0; m < merges.Count; m++)
        {
            var (left, right) = merges[m];
            if (left < 0 || right < 0 || left >= 256 + m || right >= 256 + m)
                throw new BadDataException($"merge {m} joins ids {left} and {right}, which are not made before it.");
            _bytes[256 + m] = [.. _bytes[left], .. _bytes[right]];
            Pairs.Add(left, right, 256 + m);
        }
    }

    /// <summary>The merges in order: the pair of ids behind id 256, 257, …</summary>
    public IReadOnlyList<(int Left, int Right)> Merges { get; }

    /// <summary>Number of ids, <c>&lt;|endoftext|&gt;</c> included.</summary>
    public int Size => _bytes.Length + 1;

    /// <summary>The id of <c>&lt;|endoftext|&gt;</c>: the last one.</summary>
    public int EndOfText => _bytes.Length;

    /// <summary>SHA-256 over the merges, hex: equal for vocabularies that give equal ids.</summary>
    public string Sha256
    {
        get
        {
            var pairs = new int[Merges.Count * 2];
            for (var i = 0; i < Merges.Count; i++) (pairs[2 * i], pairs[2 * i + 1]) = Merges[i];
            return Convert.ToHexStringLower(SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(pairs.AsSpan())));
        }
    }

    internal PairTable Pairs { get; }

    /// <summary>The bytes of an id; of <c>&lt;|endoftext|&gt;</c>, its spelling.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such id.</exception>
    public ReadOnlySpan<byte> BytesOf(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, Size);
        return id == EndOfText ? "<|endoftext|>"u8 : _bytes[id];
    }

    /// <summary>An id as tokenizer files spell it: each byte as a printable character.</summary>
    public string NameOf(int id) => id == EndOfText ? EndOfTextToken : ByteAlphabet.ToText(BytesOf(id));

    /// <summary>The text's bytes.</summary>
    public byte[] Decode(IEnumerable<int> ids)
    {
        using var bytes = new MemoryStream();
        foreach (var id in ids) bytes.Write(BytesOf(id));
        return bytes.ToArray();
    }
}
