using Dtt.Core.Errors;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Trains byte-level BPE: the most frequent pair of neighbours becomes a new id, again and again. Of equally frequent pairs the one with the
/// smaller left id, then the smaller right id, goes first; merges are then those of Hugging Face's trainer.
/// </summary>
public static class BpeTrainer
{
    /// <summary>Trains a vocabulary of exactly <paramref name="vocabSize"/> ids, <c>&lt;|endoftext|&gt;</c> included.</summary>
    /// <param name="counts">How often each word occurs.</param>
    /// <param name="vocabSize">At least 257.</param>
    /// <param name="progress">Told the number of ids so far, now and then.</param>
    /// <exception cref="BadDataException">The text has too few different pairs for a vocabulary of that size.</exception>
    public static Vocabulary Train(WordCounts counts, int vocabSize, Action<int>? progress = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabSize, 257);
        var words = counts.Words.Where(w => w.Key.Length > 1).OrderBy(w => w.Key, ByteArrayComparer.Instance).ToArray();
        var symbols = words.Select(w => w.Key.Select(b => ByteAlphabet.IdOfByte[b]).ToArray()).ToArray();
        var lengths = symbols.Select(s => s.Length).ToArray();
        var pairs = new PairCounts();
        for (var w = 0; w < words.Length; w++)
        {
            for (var i = 0; i + 1 < lengths[w]; i++) pairs.Change(symbols[w][i], symbols[w][i + 1], words[w].Value, w);
        }

        pairs.QueueAll();
        var merges = new List<(int Left, int Right)>(vocabSize - 257);
        while (merges.Count < vocabSize - 257)
        {
            if (!pairs.TryDequeueBest(out var left, out var right, out var places))
            {
                throw new BadDataException($"the text has pairs for a vocabulary of {merges.Count + 257:N0} tokens, but vocab_size is {vocabSize:N0}: "
                    + $"set vocab_size to at most {merges.Count + 257:N0}, or add text.");
            }

            var merged = 256 + merges.Count;
            merges.Add((left, right));
            foreach (var w in places) Apply(symbols[w], ref lengths[w], left, right, merged, words[w].Value, w, pairs);
            pairs.QueueChanged();
            if (merges.Count % 256 == 0) progress?.Invoke(merges.Count + 257);
        }

        progress?.Invoke(vocabSize);
        return new Vocabulary(merges);
    }

    /// <summary>Merges a pair within one word and passes on what that changes in the counts of its neighbours.</summary>
    private static void Apply(int[] word, ref int length, int left, int right, int merged, long count, int place, PairCounts pairs)
    {
        var to = 0;
        for (var from = 0; from < length; from++)
        {
            if (from + 1 >= length || word[from] != left || word[from + 1] != right)
            {
                word[to++] = word[from];
                continue;
            }

            if (to > 0)
            {
                pairs.Change(word[to - 1], left, -count, place);
                pairs.Change(word[to - 1], merged, count, place);
            }

            if (from + 2 < length)
            {
                pairs.Change(right, word[from + 2], -count, place);
                pairs.Change(merged, word[from + 2], count, place);
            }

            word[to++] = merged;
            from++;
        }

        length = to;
    }
}
