using Dtt.Core.Errors;
using Dtt.Data.Reports;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// A byte-level BPE vocabulary. One that was trained here numbers the 256 bytes in GPT-2's order, then the merges in the order of training (so a smaller
/// id merges first), then <c>&lt;|endoftext|&gt;</c> and other special tokens; those of others have the numbers of their files.
/// </summary>
public sealed class Vocabulary
{
    /// <summary>The token that ends every document, in vocabularies that were trained here.</summary>
    public const string EndOfTextToken = "<|endoftext|>";

    /// <summary>What other vocabularies call the token between documents; the first of these that one has is taken.</summary>
    internal static readonly string[] Ends =
    [
        EndOfTextToken, "<|end_of_text|>", "<|end▁of▁sentence|>", "<｜end▁of▁sentence｜>", "<|eos|>", "<eos>", "</s>", "<|bos|>",
    ];

    private readonly Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>>? _whole;
    private readonly Dictionary<int, string> _added;
    private TokenTraits? _traits;

    /// <summary>A vocabulary of the given merges: pairs of ids, each below the id that it makes.</summary>
    /// <param name="merges">The merges.</param>
    /// <param name="pattern">How text is cut into words; unset: GPT-2's.</param>
    /// <param name="special">Special tokens besides <c>&lt;|endoftext|&gt;</c>.</param>
    public Vocabulary(IReadOnlyList<(int Left, int Right)> merges, WordPattern? pattern = null, IReadOnlyList<string>? special = null)
        : this(VocabularyParts.Trained(merges, pattern ?? WordPattern.Gpt2, [EndOfTextToken, .. special ?? []]))
    {
    }

    /// <summary>A vocabulary of these parts.</summary>
    /// <exception cref="BadDataException">A byte has no token, or no token ends a document.</exception>
    internal Vocabulary(VocabularyParts parts)
    {
        Parts = parts;
        Merges = [.. parts.Merges.Select(m => (m.Left, m.Right))];
        Size = Math.Max(parts.Tokens.Length, parts.Added.Select(a => a.Id + 1).DefaultIfEmpty().Max());
        _added = parts.Added.ToDictionary(a => a.Id, a => a.Content);
        Array.Fill(IdOfByte, -1);
        for (var id = parts.Tokens.Length - 1; id >= 0; id--)
        {
            if (parts.Tokens[id] is [var single]) IdOfByte[single] = id;
        }

        if (Array.IndexOf(IdOfByte, -1) is >= 0 and var missing)
            throw new BadDataException($"no token stands for the byte {missing} ('{ByteAlphabet.ToText([(byte)missing])}'), so that not every text has ids.");
        Pairs = new PairTable(parts.Merges);
        EndOfTextName = Array.Find(Ends, name => parts.Added.Any(a => a.Content == name))
            ?? throw new BadDataException($"no added token ends a document: {string.Join(", ", Ends)} are known; add {EndOfTextToken} to 'added_tokens'.");
        EndOfText = parts.Added.First(a => a.Content == EndOfTextName).Id;
        if (parts.IgnoresMerges) _whole = WholeWords(parts).GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>The merges in order, as pairs of ids.</summary>
    public IReadOnlyList<(int Left, int Right)> Merges { get; }

    /// <summary>How text is cut into words before the merges.</summary>
    public WordPattern Pattern => Parts.Pattern;

    /// <summary>Tokens that no text becomes.</summary>
    public IReadOnlyList<AddedToken> Added => Parts.Added;

    /// <summary>Number of ids: the largest one and one more; added tokens are included.</summary>
    public int Size { get; }

    /// <summary>The id of the token that ends a document.</summary>
    public int EndOfText { get; }

    /// <summary>How that token is written.</summary>
    public string EndOfTextName { get; }

    /// <summary>SHA-256, hex: equal for vocabularies that give equal ids.</summary>
    public string Sha256 => Parts.Sha256(IdOfByte);

    internal VocabularyParts Parts { get; }

    internal PairTable Pairs { get; }

    /// <summary>What counting asks of each id.</summary>
    internal TokenTraits Traits => LazyInitializer.EnsureInitialized(ref _traits, () => new TokenTraits(this));

    /// <summary>The id of each byte.</summary>
    internal int[] IdOfByte { get; } = new int[256];

    /// <summary>Whether a word has an id that the merges need not make.</summary>
    internal bool TryFindWhole(ReadOnlySpan<byte> word, out int id)
    {
        id = 0;
        return _whole is { } whole && whole.TryGetValue(word, out id);
    }

    /// <summary>The bytes of an id; of an added token its spelling, of a number that no token has nothing.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such id.</exception>
    public ReadOnlySpan<byte> BytesOf(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, Size);
        if (id < Parts.Tokens.Length && Parts.Tokens[id] is { } bytes) return bytes;
        return _added.TryGetValue(id, out var content) ? System.Text.Encoding.UTF8.GetBytes(content) : [];
    }

    /// <summary>An id as tokenizer files spell it: each byte as a printable character; null where no token has it.</summary>
    public string? NameOf(int id) => _added.GetValueOrDefault(id)
        ?? (id < Parts.Tokens.Length && Parts.Tokens[id] is { } bytes ? ByteAlphabet.ToText(bytes) : null);

    /// <summary>The text's bytes.</summary>
    public byte[] Decode(IEnumerable<int> ids)
    {
        using var bytes = new MemoryStream();
        foreach (var id in ids) bytes.Write(BytesOf(id));
        return bytes.ToArray();
    }

    private static Dictionary<byte[], int> WholeWords(VocabularyParts parts)
    {
        var whole = new Dictionary<byte[], int>(ByteArrayComparer.Instance);
        for (var id = 0; id < parts.Tokens.Length; id++)
        {
            if (parts.Tokens[id] is { } bytes) whole.TryAdd(bytes, id);
        }

        return whole;
    }
}
