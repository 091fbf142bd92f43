namespace Dtt.Data.Tokenizers;

/// <summary>
/// Applies a vocabulary to text: words by its pattern, each merged smallest rank first (Sennrich et al. 2016, arXiv:1508.07909). Not thread
/// safe: one per thread, they share the vocabulary.
/// </summary>
public sealed class BpeEncoder(Vocabulary vocabulary)
{
    private const int LongWord = 128;
    private readonly WordPattern _pattern = vocabulary.Pattern;
    private readonly PairTable _pairs = vocabulary.Pairs;
    private readonly int[] _idOfByte = vocabulary.IdOfByte;
    private readonly WordCache _cache = new();
    private readonly int[] _symbols = new int[LongWord];
    private readonly int[] _ranks = new int[LongWord];

    /// <summary>Appends the ids of a text, UTF-8 or any bytes; nothing in it becomes an added token.</summary>
    public void Encode(ReadOnlySpan<byte> text, TokenBuffer ids)
    {
        if (vocabulary.Parts.Normalizes) text = NormalForm.Of(text);
        var room = ids.GetSpan(WordCache.MostIds);
        var count = 0; // counted here: what two threads write for each word must not share a cache line
        while (!text.IsEmpty)
        {
            var length = _pattern.NextLength(text);
            var found = _cache.Find(text, length, room[count..]);
            count += found;
            if (found == 0 || room.Length - count < WordCache.MostIds)
            {
                ids.Advance(count);
                if (found == 0) AddMerged(text[..length], ids);
                room = ids.GetSpan(WordCache.MostIds);
                count = 0;
            }

            text = text[length..];
        }

        ids.Advance(count);
    }

    /// <summary>The ids of a text.</summary>
    public int[] Encode(string text)
    {
        var ids = new TokenBuffer();
        Encode(System.Text.Encoding.UTF8.GetBytes(text), ids);
        return ids.Ids.ToArray();
    }

    private void AddMerged(ReadOnlySpan<byte> word, TokenBuffer ids)
    {
        var merged = Merge(word);
        _cache.Store(word, merged);
        ids.Add(merged);
    }

    private ReadOnlySpan<int> Merge(ReadOnlySpan<byte> word)
    {
        if (!vocabulary.TryFindWhole(word, out var whole)) return word.Length <= LongWord ? MergeShort(word) : LongWordMerger.Merge(word, vocabulary);
        _symbols[0] = whole;
        return _symbols.AsSpan(0, 1);
    }

    /// <summary>Merges by scanning for the smallest rank again and again: quadratic, and the fastest for words of usual length.</summary>
    private ReadOnlySpan<int> MergeShort(ReadOnlySpan<byte> word)
    {
        var symbols = _symbols.AsSpan(0, word.Length);
        var ranks = _ranks.AsSpan(0, word.Length); // of each symbol with its right neighbour
        var count = word.Length;
        for (var i = 0; i < count; i++) symbols[i] = _idOfByte[word[i]];
        for (var i = 0; i + 1 < count; i++) ranks[i] = _pairs.Rank(symbols[i], symbols[i + 1]);
        while (count > 1)
        {
            int best = int.MaxValue, at = 0;
            for (var i = 0; i + 1 < count; i++)
            {
                if (ranks[i] < best) (best, at) = (ranks[i], i);
            }

            if (best == int.MaxValue) break;
            symbols[at] = _pairs.IdOf(best);
            symbols[(at + 2)..count].CopyTo(symbols[(at + 1)..]);
            count--;
            if (at + 1 < count)
            {
                ranks[(at + 2)..count].CopyTo(ranks[(at + 1)..]);
                ranks[at] = _pairs.Rank(symbols[at], symbols[at + 1]);
            }

            if (at > 0) ranks[at - 1] = _pairs.Rank(symbols[at - 1], symbols[at]);
        }

        return symbols[..count];
    }
}
