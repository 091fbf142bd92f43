using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Dtt.Data.Reports;

/// <summary>Files of hashes, 16 bytes a document in the order of the documents: the first half of its SHA-256.</summary>
internal static class DocumentHashes
{
    /// <summary>Bytes of a hash.</summary>
    public const int Bytes = 16;

    private const long MostInMemory = 128L << 20; // bytes of hashes that are compared at once

    /// <summary>How many documents are the same as one that is counted already; as many passes over the files are made as memory asks for.</summary>
    /// <param name="files">The files.</param>
    /// <param name="mostInMemory">Bytes of hashes that are compared at once.</param>
    public static long CountCopies(IReadOnlyList<string> files, long mostInMemory = MostInMemory)
    {
        var total = files.Sum(f => new FileInfo(f).Length);
        var passes = (uint)(total / mostInMemory + 1);
        var copies = 0L;
        for (uint pass = 0; pass < passes; pass++)
        {
            var hashes = new List<UInt128>((int)(total / Bytes / passes) + 1);
            foreach (var file in files) Read(file, pass, passes, (hash, _) => hashes.Add(hash));
            var sorted = CollectionsMarshal.AsSpan(hashes);
            sorted.Sort();
            for (var i = 1; i < sorted.Length; i++) copies += sorted[i] == sorted[i - 1] ? 1 : 0;
        }

        return copies;
    }

    /// <summary>The hashes of a file that belong to a pass, among which all are divided evenly, each with its number in the file.</summary>
    public static void Read(string file, uint pass, uint passes, Action<UInt128, int> add)
    {
        using var stream = File.OpenRead(file);
        var (buffer, number) = (new byte[Bytes << 12], 0);
        for (int read; (read = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false)) > 0;)
        {
            for (var at = 0; at + Bytes <= read; at += Bytes, number++)
            {
                if (Math.BigMul(BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(at)), passes) >> 32 == pass)
                    add(BinaryPrimitives.ReadUInt128LittleEndian(buffer.AsSpan(at)), number);
            }
        }
    }
}
