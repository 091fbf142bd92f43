using System.Buffers.Binary;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Tokens;

/// <summary>
/// Token files of other programs, copied into shards of llm.c's form: <c>.npy</c> (the Python DTT's), bare uint16 (nanoGPT's), and those that have that form
/// already. Every id is compared with the tokenizer.
/// </summary>
public static class ForeignTokens
{
    private const int ModelMagic = 20240326;
    private const int ChunkTokens = 1 << 18;
    private const long MostTokens = 1_000_000_000; // of a file: its header has 31 bits for them

    /// <summary>The token files at a path: the file itself, or those of a folder, by name.</summary>
    public static IReadOnlyList<string> In(string path)
    {
        static bool IsOne(string file) => TokenFiles.IsOne(file) || file.EndsWith(NpyFile.Ending, StringComparison.OrdinalIgnoreCase);
        if (File.Exists(path)) return IsOne(path) ? [path] : [];
        return Directory.Exists(path) ? [.. Directory.EnumerateFiles(path).Where(IsOne).Order(StringComparer.Ordinal)] : [];
    }

    /// <summary>Whether a file is not of tokens but of weights, as llm.c writes both with the same ending.</summary>
    public static bool IsModelOfLlmC(string file)
    {
        Span<byte> start = stackalloc byte[4];
        using var stream = File.OpenRead(file);
        return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
            && BinaryPrimitives.ReadInt32LittleEndian(start) == ModelMagic;
    }

    /// <summary>Copies files into a folder, which appears whole; "val" in a file's name makes it validation.</summary>
    /// <param name="files">The files, in their order.</param>
    /// <param name="vocabulary">The tokenizer that made them.</param>
    /// <param name="folder">The folder to make.</param>
    /// <returns>Tokens for training and for validation.</returns>
    /// <exception cref="BadDataException">A file is damaged, or holds an id that the tokenizer does not have.</exception>
    public static (long Train, long Val) Copy(IReadOnlyList<string> files, Vocabulary vocabulary, string folder)
    {
        var (draft, parent) = (DurableFile.DraftOf(folder), Path.GetDirectoryName(folder)!);
        var isNew = !Directory.Exists(parent);
        Directory.CreateDirectory(draft);
        try
        {
            var (train, val) = (new Target(draft, "train", vocabulary), new Target(draft, "val", vocabulary));
            using (train)
            using (val)
            {
                foreach (var file in files)
                    Copy(file, vocabulary, TokenFiles.IsVal(file) ? val : train);
            }

            if (train.Tokens == 0) throw TokenFiles.NothingToTrainOn(files);
            Directory.Move(draft, folder);
            DurableFile.SyncFolder(parent);
            return (train.Tokens, val.Tokens);
        }
        finally
        {
            if (Directory.Exists(draft)) Directory.Delete(draft, recursive: true);
            if (isNew && !Directory.EnumerateFileSystemEntries(parent).Any()) Directory.Delete(parent);
        }
    }

    private static void Copy(string file, Vocabulary vocabulary, Target target)
    {
        var isNpy = file.EndsWith(NpyFile.Ending, StringComparison.OrdinalIgnoreCase);
        var (bytes, headerBytes, count) = isNpy ? NpyFile.ReadHeader(file) : ShardHeader.ReadAny(file);
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        stream.Position = headerBytes;
        var (buffer, ids, position) = (new byte[ChunkTokens * bytes], new int[ChunkTokens], 0L);
        for (int read; (read = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) / bytes) > 0; position += read)
        {
            for (var i = 0; i < read; i++)
            {
                var value = buffer.AsSpan(i * bytes);
                var id = bytes switch
                {
                    2 => BinaryPrimitives.ReadUInt16LittleEndian(value),
                    4 => BinaryPrimitives.ReadInt32LittleEndian(value),
                    _ => BinaryPrimitives.ReadInt64LittleEndian(value),
                };
                if ((ulong)id >= (ulong)vocabulary.Size)
                {
                    throw new BadDataException($"{file}: token {position + i:N0} is {id:N0}, but the tokenizer has {vocabulary.Size:N0} tokens: "
                        + "the file was made with another tokenizer.");
                }

                ids[i] = (int)id;
            }

            target.Add(ids.AsSpan(0, read));
        }

        if (position != count) throw new BadDataException($"{file} changed while it was read.");
    }

    /// <summary>The shards of one split.</summary>
    private sealed class Target(string folder, string split, Vocabulary vocabulary) : IDisposable
    {
        private ShardWriter? _open;
        private int _number;

        public long Tokens { get; private set; }

        public void Add(ReadOnlySpan<int> ids)
        {
            while (!ids.IsEmpty)
            {
                _open ??= new ShardWriter(Path.Combine(folder, $"{split}_{_number++:000000}{TokenFiles.Ending}"), ShardHeader.TokenBytes(vocabulary.Size));
                var some = ids[..(int)Math.Min(ids.Length, MostTokens - _open.Tokens)];
                _open.Add(some);
                Tokens += some.Length;
                ids = ids[some.Length..];
                if (_open.Tokens == MostTokens) Close();
            }
        }

        public void Dispose() => Close();

        private void Close()
        {
            if (_open is null) return;
            _open.Finish();
            _open.Dispose();
            _open = null;
        }
    }
}
