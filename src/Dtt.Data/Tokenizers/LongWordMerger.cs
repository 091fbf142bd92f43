namespace Dtt.Data.Tokenizers;

/// <summary>Merges a long word with a heap over a linked list of its symbols: n log n, so a megabyte of one letter stays cheap.</summary>
internal static class LongWordMerger
{
    public static ReadOnlySpan<int> Merge(ReadOnlySpan<byte> word, Vocabulary vocabulary)
    {
        var pairs = vocabulary.Pairs;
        int[] symbols = new int[word.Length], previous = new int[word.Length], next = new int[word.Length];
        for (var i = 0; i < word.Length; i++)
            (symbols[i], previous[i], next[i]) = (vocabulary.IdOfByte[word[i]], i - 1, i + 1 < word.Length ? i + 1 : -1);

        // Smallest rank first, of equals the leftmost: the order of the plain algorithm.
        var queue = new PriorityQueue<(int At, int Left, int Right), (int Rank, int At)>();
        void Offer(int at)
        {
            if (at < 0 || next[at] < 0) return;
            var (left, right) = (symbols[at], symbols[next[at]]);
            var rank = pairs.Rank(left, right);
            if (rank != int.MaxValue) queue.Enqueue((at, left, right), (rank, at));
        }

        for (var i = 0; i + 1 < word.Length; i++) Offer(i);
        while (queue.TryDequeue(out var pair, out var priority))
        {
            var (at, left, right) = pair;
            var after = next[at];
            if (symbols[at] != left || after < 0 || symbols[after] != right) continue; // merged away since it was offered
            symbols[at] = pairs.IdOf(priority.Rank);
            symbols[after] = -1;
            next[at] = next[after];
            if (next[at] >= 0) previous[next[at]] = at;
            Offer(previous[at]);
            Offer(at);
        }

        var count = 0;
        for (var at = 0; at >= 0; at = next[at]) symbols[count++] = symbols[at];
        return symbols.AsSpan(0, count);
    }
}
