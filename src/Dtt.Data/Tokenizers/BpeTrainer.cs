using Dtt.Core.Errors;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Trains byte-level BPE: the most frequent pair of neighbours becomes a new id, again and again. Of equally frequent pairs the one with the
/// smaller left id, then the smaller right id, goes first; merges are then those of Hugging Face's trainer.
/// </summary>
public static class BpeTrainer
{
    /// <summary>Trains a vocabulary of exactly <paramref name="vocabSize"/> ids, <c>&lt;|endoftext|&gt;</c> and other special tokens included.</summary>
    /// <param name="counts">How often each word occurs.</param>
    /// <param name="vocabSize">At least 257 and the number of special tokens.</param>
    /// <param name="special">Special tokens besides <c>&lt;|endoftext|&gt;</c>.</param>
    /// <param name="progress">Told the number of ids so far, now and then.</param>
    /// <exception cref="BadDataException">The text has too few different pairs for a vocabulary of that size.</exception>
    public static Vocabulary Train(WordCounts counts, int vocabSize, IReadOnlyList<string>? special = null, Action<int>? progress = null)
    {
        var others = 257 + (special?.Count ?? 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabSize, others);
        var words = counts.Words.Where(w => w.Key.Length > 1).Select(w => new Word(w.Key, w.Value)).ToArray();
        var pairs = new PairCounts();
        for (var w = 0; w < words.Length; w++)
        {
            var symbols = words[w].Symbols;
            for (var i = 0; i + 1 < symbols.Length; i++) pairs.Change(symbols[i], symbols[i + 1], words[w].Count, w);
        }

        pairs.QueueNew();
        var merges = new List<(int Left, int Right)>(vocabSize - others);
        var places = new List<int>();
        while (merges.Count < vocabSize - others)
        {
            places.Clear();
            if (!pairs.TryDequeueBest(out var left, out var right, places))
            {
                throw new BadDataException($"the text has pairs for a vocabulary of {merges.Count + others:N0} tokens, but vocab_size is {vocabSize:N0}: "
                    + $"set vocab_size to at most {merges.Count + others:N0}, or add text.");
            }

            var merged = 256 + merges.Count;
            merges.Add((left, right));
            foreach (var w in places) Apply(ref words[w], left, right, merged, w, pairs);
            pairs.QueueNew();
            if (merges.Count % 256 == 0) progress?.Invoke(merges.Count + others);
        }

        progress?.Invoke(vocabSize);
        return new Vocabulary(merges, counts.Pattern, special);
    }

    /// <summary>Merges a pair within one word and passes on what that changes in the counts of its neighbours.</summary>
    private static void Apply(ref Word word, int left, int right, int merged, int place, PairCounts pairs)
    {
        var symbols = word.Symbols.AsSpan(0, word.Length);
        var to = 0;
        for (var from = 0; from < symbols.Length; from++)
        {
            if (symbols[from] != left || from + 1 >= symbols.Length || symbols[from + 1] != right)
            {
                symbols[to++] = symbols[from];
                continue;
            }

            if (to > 0)
            {
                pairs.Change(symbols[to - 1], left, -word.Count, place);
                pairs.Change(symbols[to - 1], merged, word.Count, place);
            }

            if (from + 2 < symbols.Length)
            {
                pairs.Change(right, symbols[from + 2], -word.Count, place);
                pairs.Change(merged, symbols[from + 2], word.Count, place);
            }

            symbols[to++] = merged;
            from++;
        }

        word.Length = to;
    }

    /// <summary>A word as it is merged so far.</summary>
    private struct Word(byte[] bytes, long count)
    {
        public readonly int[] Symbols = [.. bytes.Select(b => ByteAlphabet.IdOfByte[b])];

        public readonly long Count = count;

        public int Length = bytes.Length;
    }
}
