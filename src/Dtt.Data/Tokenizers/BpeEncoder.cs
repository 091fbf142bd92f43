namespace Dtt.Data.Tokenizers;

/// <summary>
/// Applies a vocabulary to text: words by GPT-2's rule, each merged smallest id first (Sennrich et al. 2016, arXiv:1508.07909). Not thread
/// safe: one per thread, they share the vocabulary.
/// </summary>
public sealed class BpeEncoder(Vocabulary vocabulary)
{
    private const int LongWord = 128;
    private readonly PairTable _pairs = vocabulary.Pairs;
    private readonly WordCache _cache = new();
    private int[] _symbols = new int[LongWord];

    /// <summary>Appends the ids of a text, valid UTF-8; nothing in it becomes a special token.</summary>
    public void Encode(ReadOnlySpan<byte> text, TokenBuffer ids)
    {
        while (!text.IsEmpty)
        {
            var length = Gpt2Words.NextLength(text);
            EncodeWord(text[..length], ids);
            text = text[length..];
        }
    }

    /// <summary>The ids of a text.</summary>
    public int[] Encode(string text)
    {
        var ids = new TokenBuffer();
        Encode(System.Text.Encoding.UTF8.GetBytes(text), ids);
        return ids.Ids.ToArray();
    }

    private void EncodeWord(ReadOnlySpan<byte> word, TokenBuffer ids)
    {
        if (word.Length > WordCache.MaxBytes)
        {
            ids.Add(word.Length <= LongWord ? MergeShort(word) : LongWordMerger.Merge(word, _pairs));
            return;
        }

        if (!_cache.TryFind(word, out var key, out var found))
        {
            found = MergeShort(word);
            _cache.Store(key, word.Length, found);
        }

        ids.Add(found);
    }

    /// <summary>Merges by scanning for the smallest id again and again: quadratic, and the fastest for words of usual length.</summary>
    private ReadOnlySpan<int> MergeShort(ReadOnlySpan<byte> word)
    {
        if (_symbols.Length < word.Length) _symbols = new int[word.Length];
        var symbols = _symbols.AsSpan(0, word.Length);
        for (var i = 0; i < word.Length; i++) symbols[i] = ByteAlphabet.IdOfByte[word[i]];
        while (symbols.Length > 1)
        {
            int best = int.MaxValue, at = 0;
            for (var i = 0; i + 1 < symbols.Length; i++)
            {
                var id = _pairs.Find(symbols[i], symbols[i + 1]);
                if (id < best) (best, at) = (id, i);
            }

            if (best == int.MaxValue) break;
            symbols[at] = best;
            symbols[(at + 2)..].CopyTo(symbols[(at + 1)..]);
            symbols = symbols[..^1];
        }

        return symbols;
    }
}
