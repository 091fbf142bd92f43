using Dtt.Core.Storage;

namespace Dtt.Data.Tokenizers;

/// <summary>How often each word occurs in a text: what BPE is trained on. Tables of several pieces add up in any order.</summary>
public sealed class WordCounts
{
    private static readonly byte[] _magic = "DTTCNT01"u8.ToArray();
    private readonly Dictionary<byte[], long> _counts = new(ByteArrayComparer.Instance);
    private readonly Dictionary<byte[], long>.AlternateLookup<ReadOnlySpan<byte>> _lookup;

    private readonly WordPattern _pattern;

    /// <summary>An empty table.</summary>
    /// <param name="pattern">How documents are cut into words; unset: GPT-2's.</param>
    public WordCounts(WordPattern? pattern = null) => (_pattern, _lookup) = (pattern ?? WordPattern.Gpt2, _counts.GetAlternateLookup<ReadOnlySpan<byte>>());

    /// <summary>How documents are cut into words.</summary>
    public WordPattern Pattern => _pattern;

    /// <summary>The words' bytes and their counts, in no particular order.</summary>
    public IReadOnlyDictionary<byte[], long> Words => _counts;

    /// <summary>How many documents were counted.</summary>
    public long Documents { get; private set; }

    /// <summary>Counts the words of a document, valid UTF-8.</summary>
    public void Add(ReadOnlySpan<byte> document)
    {
        Documents++;
        while (!document.IsEmpty)
        {
            var length = _pattern.NextLength(document);
            AddWord(document[..length], 1);
            document = document[length..];
        }
    }

    /// <summary>Adds another table's counts.</summary>
    public void Add(WordCounts other)
    {
        foreach (var (word, count) in other._counts) AddWord(word, count);
        Documents += other.Documents;
    }

    /// <summary>
    /// Writes the table: magic, documents, number of words, then per word its length, bytes and count; words by their bytes, so equal tables give
    /// equal files.
    /// </summary>
    public void Save(string path)
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        writer.Write(_magic);
        writer.Write(Documents);
        writer.Write(_counts.Count);
        foreach (var (word, count) in _counts.OrderBy(w => w.Key, ByteArrayComparer.Instance))
        {
            writer.Write7BitEncodedInt(word.Length);
            writer.Write(word);
            writer.Write7BitEncodedInt64(count);
        }

        DurableFile.Replace(path, memory.GetBuffer().AsSpan(0, (int)memory.Length));
    }

    /// <summary>How many documents a table counts.</summary>
    public static long DocumentsOf(string path)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        reader.BaseStream.Position = _magic.Length;
        return reader.ReadInt64();
    }

    /// <summary>Reads a table that <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">The file is something else or cut short.</exception>
    public static WordCounts Load(string path)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        try
        {
            if (!reader.ReadBytes(_magic.Length).AsSpan().SequenceEqual(_magic)) throw new InvalidDataException($"{path} is not a table of word counts.");
            var counts = new WordCounts { Documents = reader.ReadInt64() };
            for (var n = reader.ReadInt32(); n > 0; n--)
            {
                var word = reader.ReadBytes(reader.Read7BitEncodedInt());
                counts._counts.Add(word, reader.Read7BitEncodedInt64());
            }

            return counts;
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidDataException($"{path} is cut short.", e);
        }
    }

    private void AddWord(ReadOnlySpan<byte> word, long count)
    {
        ref var slot = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_lookup, word, out _);
        slot += count;
    }
}
