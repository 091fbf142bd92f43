using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Dtt.Core.Errors;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Reports;

/// <summary>
/// Counts the documents of token files, and writes the hash of each: a document is what stands between two ends of text, or the end of a file.
/// </summary>
/// <param name="vocabulary">The tokenizer.</param>
/// <param name="hashes">Gets <see cref="DocumentHashes.Bytes"/> a document, in order; documents of the same tokens have the same.</param>
internal sealed class DocumentTally(Vocabulary vocabulary, Stream hashes) : IDisposable
{
    private const int ChunkBytes = 1 << 20;
    private const int MostUndecided = 4096;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly long[] _lengths = new long[64];
    private readonly List<byte> _undecided = []; // bytes of tokens that are no whole characters by themselves
    private DocumentStatistics _counted = DocumentStatistics.None;
    private long _length; // tokens of the document so far

    /// <summary>Everything so far.</summary>
    public DocumentStatistics Counted => _counted with { Lengths = [.. _lengths.Take(Array.FindLastIndex(_lengths, n => n > 0) + 1)] };

    /// <summary>Adds a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="headerBytes">Bytes before its first token.</param>
    /// <param name="tokenBytes">Bytes of a token: 2 or 4.</param>
    /// <returns>Ends of text in it.</returns>
    /// <exception cref="BadDataException">The tokenizer has not all of its ids.</exception>
    public long Add(string file, int headerBytes, int tokenBytes)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        stream.Position = headerBytes;
        var chunk = new byte[ChunkBytes];
        var (ends, position) = (0L, 0L);
        for (int read; (read = stream.ReadAtLeast(chunk, chunk.Length, throwOnEndOfStream: false)) > 0; position += read / tokenBytes)
            ends += Add(chunk.AsSpan(0, read / tokenBytes * tokenBytes), tokenBytes, file, position);
        EndDocument();
        return ends;
    }

    public void Dispose() => _hash.Dispose();

    private int Add(ReadOnlySpan<byte> tokens, int tokenBytes, string file, long position)
    {
        var (ends, from, textBytes) = (0, 0, 0L);
        var (lengths, areWhole) = (vocabulary.Traits.Lengths, vocabulary.Traits.AreWhole);
        for (var at = 0; at < tokens.Length; at += tokenBytes)
        {
            var id = tokenBytes == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(tokens[at..]) : BinaryPrimitives.ReadInt32LittleEndian(tokens[at..]);
            if ((uint)id >= (uint)lengths.Length)
            {
                throw new BadDataException($"{file}: token {position + at / tokenBytes:N0} is {(uint)id:N0}, but the tokenizer has {lengths.Length:N0} tokens: "
                    + "the file was made with another tokenizer.");
            }

            if (id == vocabulary.EndOfText)
            {
                _hash.AppendData(tokens[from..at]);
                EndDocument();
                from = at + tokenBytes;
                ends++;
                continue;
            }

            _length++;
            textBytes += lengths[id];
            if (!areWhole[id]) _undecided.AddRange(vocabulary.BytesOf(id));
            if (_undecided.Count > 0 && (areWhole[id] || _undecided.Count > MostUndecided)) Decide(isWhole: areWhole[id]);
        }

        _hash.AppendData(tokens[from..]);
        _counted = _counted with { TextBytes = _counted.TextBytes + textBytes };
        return ends;
    }

    private void EndDocument()
    {
        if (_length == 0) return;
        Decide(isWhole: true);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        _hash.GetHashAndReset(hash);
        hashes.Write(hash[..DocumentHashes.Bytes]);
        _lengths[BitOperations.Log2((ulong)_length)]++;
        _counted = _counted with
        {
            Documents = _counted.Documents + 1,
            Tokens = _counted.Tokens + _length,
            LongestTokens = Math.Max(_counted.LongestTokens, _length),
        };
        _length = 0;
    }

    /// <summary>Counts what is no text among the bytes that wait.</summary>
    /// <param name="isWhole">Whether no byte that follows can belong to their last character.</param>
    private void Decide(bool isWhole)
    {
        var bytes = CollectionsMarshal.AsSpan(_undecided);
        var (at, invalid) = (0, 0);
        while (at < bytes.Length)
        {
            var status = Rune.DecodeFromUtf8(bytes[at..], out var rune, out var length);
            if (status == System.Buffers.OperationStatus.NeedMoreData && !isWhole) break;
            if (rune == Rune.ReplacementChar) invalid += length;
            at += length;
        }

        _undecided.RemoveRange(0, at);
        if (invalid > 0) _counted = _counted with { InvalidBytes = _counted.InvalidBytes + invalid };
    }
}
