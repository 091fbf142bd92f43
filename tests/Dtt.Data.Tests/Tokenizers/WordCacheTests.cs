using System.Text;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Tests.Tokenizers;

public sealed class WordCacheTests
{
    private readonly WordCache _cache = new();

    [Fact]
    public void Find_OfWordsThatDifferInZeros_TellsThemApart()
    {
        byte[][] words = ["a"u8.ToArray(), "a\0"u8.ToArray(), "\0"u8.ToArray(), "\0\0"u8.ToArray()];
        for (var i = 0; i < words.Length; i++) _cache.Store(words[i], [i, i]);
        for (var i = 0; i < words.Length; i++) Assert.Equal([i, i], Find(words[i]));
    }

    /// <summary>Far more words than there is room for, short and long, of few and many ids: what is found is what was stored.</summary>
    [Fact]
    public void Find_AmongManyWords_GivesTheirOwnIdsOrNone()
    {
        string Word(int i) => $"{i * 2654435761L:x}{new string('z', i % 5 == 0 ? i % 140 : 0)}";
        var words = Enumerable.Range(0, 200_000).Select(i => Encoding.UTF8.GetBytes(Word(i))).ToArray();
        int[] Ids(int i) => [.. Enumerable.Range(i, 1 + (i % 7))];
        for (var i = 0; i < words.Length; i++)
        {
            _cache.Store(words[i], Ids(i));
            Assert.Equal(words[i].Length <= WordCache.MostIds ? Ids(i) : [], Find(words[i]));
        }

        var found = 0;
        for (var i = 0; i < words.Length; i++)
        {
            if (Find(words[i]) is not { Length: > 0 } ids) continue;
            Assert.Equal(Ids(i), ids);
            found++;
        }

        Assert.InRange(found, 10_000, 100_000);
    }

    /// <summary>Two words of one place in the table stay both: the newer one does not drive out the other.</summary>
    [Fact]
    public void Find_OfFewWords_FindsNearlyAll()
    {
        var words = Enumerable.Range(0, 8000).Select(i => Encoding.UTF8.GetBytes($" word{i}")).ToArray();
        foreach (var word in words) _cache.Store(word, [1, 2, 3]);
        Assert.InRange(words.Count(w => Find(w).Length == 3), 7800, 8000);
    }

    private int[] Find(byte[] word)
    {
        var (alone, within) = (new int[WordCache.MostIds], new int[WordCache.MostIds]);
        var count = _cache.Find(word, word.Length, alone);
        byte[] text = [.. word, .. "and more of the text behind it"u8];
        Assert.Equal(count, _cache.Find(text, word.Length, within));
        Assert.Equal(alone[..count], within[..count]);
        return alone[..count];
    }
}
